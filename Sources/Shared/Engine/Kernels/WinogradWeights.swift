// The weights of a Winograd convolution are G g G^T of every 3x3 kernel g, in panels of 32 output channels.
//
// A transformed kernel takes 36 numbers (16 for m = 2) instead of 9. Small layers, and layers whose maps have few
// tiles, keep the transform. In other layers, a work item transforms its own panel, one row of points at a time: this
// costs a few operations for a number that is then used on all of the item's tiles, and it saves three quarters of the
// memory and of the traffic. Both ways give the same numbers.

/// 3x3 kernels, [panel][depth][9][width], so that the kernels from which one row of points is made are contiguous.
private struct KernelPanels: Sendable {
    let buffer: FloatBuffer

    init(_ weight: UnsafeBufferPointer<Float>, _ layout: WinogradWeights.Layout) {
        let (depth, columns) = (layout.depth, layout.columnCount)
        let isPadded = layout.rows.count < depth || layout.columns.count < columns
        buffer = isPadded ? FloatBuffer(zeros: 9 * depth * columns) : FloatBuffer(count: 9 * depth * columns)
        var starts = [Int](repeating: -1, count: columns)
        for (channel, place) in layout.columns.enumerated() {
            starts[place] = layout.origin + channel * layout.columnStep
        }
        for first in stride(from: 0, to: columns, by: lanes) {
            let width = min(32, columns - first / 32 * 32)
            let target = buffer.start + first / 32 * 32 * 9 * depth + first % 32
            for (channel, row) in layout.rows.enumerated() {
                for lane in 0..<lanes where starts[first + lane] >= 0 {
                    let kernel = starts[first + lane] + channel * layout.rowStep
                    for tap in 0..<9 {
                        target[(row * 9 + tap) * width + lane] = weight[kernel + (layout.flipped ? 8 - tap : tap)]
                    }
                }
            }
        }
    }
}

struct WinogradWeights: Sendable {
    let depth: Int
    let columns: Int
    /// Whether the transform is kept: [panel][point][depth][width].
    let isTransformed: Bool
    private let buffer: FloatBuffer

    /// The places of the 3x3 kernels in a weight tensor, and the rows and columns of the products that they belong to.
    struct Layout {
        /// The kernel from row channel k to column channel n starts at origin + k rowStep + n columnStep.
        var origin = 0
        var rowStep: Int
        var columnStep: Int
        /// The channels' places among rows and columns; the other places are padding.
        var rows: [Int]
        var columns: [Int]
        var depth: Int
        var columnCount: Int
        /// Whether kernels are turned by half a turn, for the pullback.
        var flipped: Bool
    }

    /// - Parameter transforms: whether the transform is made now and kept.
    init<Form: WinogradForm>(
        _ form: Form.Type, _ weight: UnsafeBufferPointer<Float>, _ layout: Layout, transforms: Bool
    ) {
        depth = layout.depth
        columns = layout.columnCount
        isTransformed = transforms
        let kernels = KernelPanels(weight, layout).buffer
        guard transforms else {
            buffer = kernels
            return
        }
        buffer = FloatBuffer(count: Form.points * depth * columns)
        for panel in 0..<panelCount {
            let (start, width) = (panel * 32 * depth, width(ofPanel: panel))
            for i in 0..<Form.side {
                Self.transform(
                    form, FloatPointer(kernels.start + 9 * start), depth: depth, width: width, row: i,
                    target: buffer.start + Form.points * start + i * Form.side * depth * width)
            }
        }
    }

    var panelCount: Int { (columns + 31) / 32 }
    func width(ofPanel index: Int) -> Int { min(32, columns - index * 32) }

    /// Returns the points (i, 0), (i, 1), ... of one panel, [side][depth][width].
    ///
    /// - Parameter scratch: side * depth * 32 floats for the points, needed unless the transform is kept.
    func row<Form: WinogradForm>(_ form: Form.Type, _ i: Int, ofPanel panel: Int, scratch: MutableFloatPointer)
        -> FloatPointer
    {
        let (start, width) = (panel * 32 * depth, width(ofPanel: panel))
        if isTransformed { return FloatPointer(buffer.start + Form.points * start + i * Form.side * depth * width) }
        Self.transform(
            form, FloatPointer(buffer.start + 9 * start), depth: depth, width: width, row: i, target: scratch)
        return FloatPointer(scratch)
    }

    /// Writes row `i` of G g G^T for one panel of kernels, [depth][9][width], to `target`, [side][depth][width].
    private static func transform<Form: WinogradForm>(
        _ form: Form.Type, _ kernels: FloatPointer, depth: Int, width: Int, row i: Int, target: MutableFloatPointer
    ) {
        let (g0, g1, g2) = Form.filterRow(i)
        let (a, b, c) = (FloatVector(repeating: g0), FloatVector(repeating: g1), FloatVector(repeating: g2))
        let pointStride = depth * width
        for k in 0..<depth {
            var column = 0
            while column < width {
                let taps = kernels + k * 9 * width + column
                let h0 = Self.combination(a, b, c, taps, width)
                let h1 = Self.combination(a, b, c, taps + width, width)
                let h2 = Self.combination(a, b, c, taps + 2 * width, width)
                let place = target + k * width + column
                Form.transformFilter(h0, h1, h2) { store($1, place + $0 * pointStride) }
                column += lanes
            }
        }
    }

    /// Returns one column of G g: a g[0] + b g[1] + c g[2] down the kernel.
    @inline(__always)
    private static func combination(
        _ a: FloatVector, _ b: FloatVector, _ c: FloatVector, _ tap: FloatPointer, _ width: Int
    ) -> FloatVector {
        multiplyAdd(multiplyAdd(a * load(tap), b, load(tap + 3 * width)), c, load(tap + 6 * width))
    }
}
