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

    /// Writes `count` rows of a panel, from row `first` on, to `target`.
    @inline(__always)
    func widen(panel index: Int, first: Int, count: Int, to target: MutableFloatPointer) {
        let width = width(ofPanel: index)
        let (start, numbers) = (index * 32 * rows + first * width, count * width)
        switch precision {
        case .float32: Float.widen(elements(of: Float.self) + start, count: numbers, to: target)
        case .float16: Float16.widen(elements(of: Float16.self) + start, count: numbers, to: target)
        case .bfloat16: BFloat16.widen(elements(of: BFloat16.self) + start, count: numbers, to: target)
        }
    }
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
