/// Products of matrices that are computed at run time (in attention), on the inner loop of the convolutions. All run on
/// the calling thread.
enum MatrixProduct {
    /// Columns of B and C.
    static let width = 32
    /// Rows of A that stay in the second-level cache while B goes by.
    private static let chunkRows = 64
    /// Rows of B that stay in the first-level cache while A goes by.
    private static let blockDepth = 128

    /// Sets C to A B, or adds A B to it if `adds`, for A [rows, depth] with row stride `lda`, B [depth, 32] and
    /// C [rows, 32]. There must be memory for a multiple of 8 rows of C.
    static func multiply(
        rows: Int, depth: Int, a: FloatPointer, lda: Int, b: FloatPointer, c: MutableFloatPointer, adds: Bool = false
    ) {
        withUnsafeTemporaryAllocation(of: FloatPointer.self, capacity: 8) { table in
            guard let table = table.baseAddress else { return }
            for chunk in stride(from: 0, to: rows, by: chunkRows) {
                for first in stride(from: 0, to: depth, by: blockDepth) {
                    for row in stride(from: chunk, to: min(chunk + chunkRows, rows), by: 8) {
                        for index in 0..<8 { table[index] = a + min(row + index, rows - 1) * lda + first }
                        multiply8x32(
                            taps: 1, rows: table, depth: min(blockDepth, depth - first), b: b + first * width,
                            ldb: width, c: c + row * width, ldc: width, continues: adds || first > 0)
                    }
                }
            }
        }
    }

    /// Sets target[column, row] to source[row, column]. The row strides are `lds` and `ldt`.
    static func transpose(
        rows: Int, columns: Int, _ source: FloatPointer, lds: Int, to target: MutableFloatPointer, ldt: Int
    ) {
        for column in 0..<columns {
            for row in 0..<rows { target[column * ldt + row] = source[row * lds + column] }
        }
    }
}

/// A matrix laid out for the inner loop as a `PanelMatrix` is, in memory that the caller provides.
struct PackedMatrix {
    let rows: Int
    let columns: Int

    /// Columns with their padding.
    private var width: Int { roundUp(columns, to: lanes) }
    /// Floats of the panels.
    var count: Int { rows * width }
    var panelCount: Int { (width + 31) / 32 }
    func width(ofPanel index: Int) -> Int { min(32, width - index * 32) }
    /// Returns the floats before a panel.
    func place(ofPanel index: Int) -> Int { index * 32 * rows }

    /// Writes some rows of all panels from a matrix with row stride `lds`, which begins with row `range.lowerBound` and
    /// has `count` rows. The other rows of the range become zero.
    func pack(_ source: FloatPointer, rows range: Range<Int>, count: Int, lds: Int, to target: MutableFloatPointer) {
        for panel in 0..<panelCount {
            let (width, first) = (width(ofPanel: panel), panel * 32)
            let start = target + place(ofPanel: panel) + range.lowerBound * width
            start.update(repeating: 0, count: range.count * width)
            for row in 0..<count {
                (start + row * width).update(from: source + row * lds + first, count: min(width, columns - first))
            }
        }
    }
}
