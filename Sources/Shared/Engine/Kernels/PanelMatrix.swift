import CProcessor

/// A matrix laid out for the inner loop: its columns form panels of 32 (the last may have 16), each stored row by row.
///
/// Row s depth + k of a convolution's matrix belongs to tap s and input channel k; a Winograd convolution keeps its
/// kernels with row 9 k + s instead.
struct PanelMatrix: Sendable {
    let rows: Int
    /// A multiple of 16.
    let columns: Int
    let precision: WeightPrecision
    private let buffer: FloatBuffer

    typealias Put = (_ row: Int, _ column: Int, _ value: Float) -> Void

    /// - Parameter fill: writes elements by `(row, column, value)`; the others are zero.
    init(rows: Int, columns: Int, precision: WeightPrecision = .float32, fill: (Put) -> Void) {
        precondition(columns % lanes == 0)
        self.rows = rows
        self.columns = columns
        self.precision = precision
        let count = rows * columns
        buffer = FloatBuffer(zeros: precision == .float32 ? count : (count + 1) / 2)
        switch precision {
        case .float32: put(as: Float.self, fill)
        case .float16: put(as: Float16.self, fill)
        case .bfloat16: put(as: BFloat16.self, fill)
        }
    }

    @inline(__always)
    private func put<Element: WeightElement>(as type: Element.Type, _ fill: (Put) -> Void) {
        let start = elements(of: type)
        fill { row, column, value in
            let first = column / 32 * 32
            let width = min(32, columns - first)
            start[first * rows + row * width + (column - first)] = Element(narrowing: value)
        }
    }

    private func elements<Element: WeightElement>(of type: Element.Type) -> UnsafeMutablePointer<Element> {
        UnsafeMutableRawPointer(buffer.start).assumingMemoryBound(to: type)
    }

    var panelCount: Int { (columns + 31) / 32 }
    func width(ofPanel index: Int) -> Int { min(32, columns - index * 32) }

    /// Returns a panel of a matrix that is kept in Floats.
    func panel(_ index: Int) -> FloatPointer {
        precondition(precision == .float32)
        return FloatPointer(buffer.start + index * 32 * rows)
    }

    /// Writes rows of a panel to `target`.
    func widen(panel index: Int, rows range: Range<Int>, to target: MutableFloatPointer) {
        let width = width(ofPanel: index)
        widen(from: index * 32 * rows + range.lowerBound * width, count: range.count * width, to: target)
    }

    /// Writes the transpose of 16 x 16 elements to `target`: those in the rows `row`, `row` + `rowStep` and so on, from
    /// column `column`, a multiple of 16, on.
    func transpose(row: Int, rowStep: Int, column: Int, to target: MutableFloatPointer, stride: Int) {
        let width = width(ofPanel: column / 32)
        let start = column / 32 * 32 * rows + row * width + column % 32
        if precision == .float32 {
            return processor_transpose_16x16(buffer.start + start, rowStep * width, target, stride)
        }
        withUnsafeTemporaryAllocation(of: Float.self, capacity: lanes * lanes) { square in
            guard let square = square.baseAddress else { return }
            for i in 0..<lanes { widen(from: start + i * rowStep * width, count: lanes, to: square + i * lanes) }
            processor_transpose_16x16(square, lanes, target, stride)
        }
    }

    @inline(__always)
    private func widen(from start: Int, count: Int, to target: MutableFloatPointer) {
        switch precision {
        case .float32: Float.widen(elements(of: Float.self) + start, count: count, to: target)
        case .float16: Float16.widen(elements(of: Float16.self) + start, count: count, to: target)
        case .bfloat16: BFloat16.widen(elements(of: BFloat16.self) + start, count: count, to: target)
        }
    }
}

/// Runs the inner loop for a panel of 32 or 16 columns; C is 8 x width, and its sums go on if `continues`.
@inline(__always)
func multiplyPanel(
    width: Int, taps: Int, rows: UnsafePointer<FloatPointer>, depth: Int, panel: FloatPointer, c: MutableFloatPointer,
    ldc: Int, continues: Bool = false
) {
    if width == 32 {
        multiply8x32(taps: taps, rows: rows, depth: depth, b: panel, ldb: 32, c: c, ldc: ldc, continues: continues)
    } else {
        multiply8x16(taps: taps, rows: rows, depth: depth, b: panel, ldb: 16, c: c, ldc: ldc, continues: continues)
    }
}
