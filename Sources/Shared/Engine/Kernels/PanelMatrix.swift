/// A matrix laid out for the inner loop: its columns form panels of 32 (the last may have 16), each stored row by row.
///
/// Row s depth + k of a convolution's matrix belongs to tap s and input channel k.
struct PanelMatrix: Sendable {
    let rows: Int
    /// A multiple of 16.
    let columns: Int
    private let buffer: FloatBuffer

    /// - Parameter fill: writes elements by `(row, column, value)`; the others are zero.
    init(rows: Int, columns: Int, fill: ((_ row: Int, _ column: Int, _ value: Float) -> Void) -> Void) {
        precondition(columns % lanes == 0)
        self.rows = rows
        self.columns = columns
        let buffer = FloatBuffer(zeros: rows * columns)
        self.buffer = buffer
        fill { row, column, value in
            let first = column / 32 * 32
            let width = min(32, columns - first)
            buffer.start[first * rows + row * width + (column - first)] = value
        }
    }

    var panelCount: Int { (columns + 31) / 32 }
    func width(ofPanel index: Int) -> Int { min(32, columns - index * 32) }
    func panel(_ index: Int) -> FloatPointer { FloatPointer(buffer.start + index * 32 * rows) }
}

/// Runs the inner loop for a panel of 32 or 16 columns; C is 8 x width.
@inline(__always)
func multiplyPanel(
    width: Int, taps: Int, rows: UnsafePointer<FloatPointer>, depth: Int, panel: FloatPointer, c: MutableFloatPointer,
    ldc: Int
) {
    if width == 32 {
        multiply8x32(taps: taps, rows: rows, depth: depth, b: panel, ldb: 32, c: c, ldc: ldc)
    } else {
        multiply8x16(taps: taps, rows: rows, depth: depth, b: panel, ldb: 16, c: c, ldc: ldc)
    }
}
