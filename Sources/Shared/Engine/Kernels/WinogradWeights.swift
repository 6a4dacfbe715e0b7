// The weights of a Winograd convolution are G g G^T of every 3x3 kernel g, in panels of 32 output channels.
//
// A transformed kernel takes 36 numbers (16 for m = 2) instead of 9. Small layers, and layers whose maps have few
// tiles, keep the transform. In other layers, a work item transforms its own panel, one row of points at a time: this
// costs a few operations for a number that is then used on all of the item's tiles, and it saves three quarters of the
// memory and of the traffic. Both ways give the same numbers.

struct WinogradWeights: Sendable {
    let depth: Int
    let columns: Int
    private let storage: Storage

    private enum Storage: Sendable {
        /// 3x3 kernels, [panel][depth][9][width], so that the kernels from which one row of points is made are
        /// contiguous.
        case kernels(WeightPanels)
        /// [panel][point][depth][width]
        case transformed(FloatBuffer)
    }

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

    /// - Parameter kernels: panels whose row 9 k + s belongs to tap s and channel k.
    init(kernels: WeightPanels) {
        depth = kernels.rows / 9
        columns = kernels.columns
        storage = .kernels(kernels)
    }

    /// The weights of the pullback that belongs to a forward run which does not keep the transform.
    init(_ forward: WinogradWeights, turn: WeightPanels.Turn) {
        guard case .kernels(let panels) = forward.storage else { preconditionFailure("the kernels were not kept") }
        self.init(kernels: WeightPanels(panels, turn: turn))
    }

    /// Transforms the kernels and keeps the result instead.
    init<Form: WinogradForm>(_ form: Form.Type, transforming kernels: WeightPanels) {
        let depth = kernels.rows / 9
        let buffer = FloatBuffer(count: Form.points * depth * kernels.columns)
        let scratch = FloatBuffer(count: kernels.isMade ? kernels.rows * 32 : 0)
        for panel in 0..<kernels.panelCount {
            let (start, width) = (panel * 32 * depth, kernels.width(ofPanel: panel))
            let plain = kernels.panel(panel, rows: 0..<kernels.rows, scratch: scratch.start)
            for i in 0..<Form.side {
                Self.transform(
                    form, plain, depth: depth, width: width, row: i,
                    target: buffer.start + Form.points * start + i * Form.side * depth * width,
                    pointStride: depth * width)
            }
        }
        self.depth = depth
        columns = kernels.columns
        storage = .transformed(buffer)
    }

    /// Returns the matrix of the 3x3 kernels of a weight tensor.
    static func kernels(
        _ weight: UnsafeBufferPointer<Float>, _ layout: Layout, precision: WeightPrecision
    ) -> PanelMatrix {
        PanelMatrix(rows: 9 * layout.depth, columns: layout.columnCount, precision: precision) { put in
            for first in stride(from: 0, to: layout.columns.count, by: lanes) {
                let channels = first..<min(first + lanes, layout.columns.count)
                for (channel, row) in layout.rows.enumerated() {
                    for column in channels {
                        let kernel = layout.origin + column * layout.columnStep + channel * layout.rowStep
                        for tap in 0..<9 {
                            put(
                                9 * row + tap, layout.columns[column], weight[kernel + (layout.flipped ? 8 - tap : tap)]
                            )
                        }
                    }
                }
            }
        }
    }

    var panelCount: Int { (columns + 31) / 32 }
    func width(ofPanel index: Int) -> Int { min(32, columns - index * 32) }

    /// Whether `kernels` writes to its scratch memory.
    var makesKernels: Bool {
        if case .kernels(let panels) = storage { panels.isMade } else { false }
    }

    /// Whether `row` writes to its scratch memory.
    var isTransformed: Bool {
        if case .transformed = storage { true } else { false }
    }

    /// Returns the kernels from some input channels to a panel; nil if the transform is kept.
    ///
    /// - Parameter scratch: 9 * 32 floats for each channel, if kernels are made.
    func kernels(ofPanel panel: Int, channels: Range<Int>, scratch: MutableFloatPointer) -> FloatPointer? {
        guard case .kernels(let panels) = storage else { return nil }
        return panels.panel(panel, rows: 9 * channels.lowerBound..<9 * channels.upperBound, scratch: scratch)
    }

    /// Returns the points (i, 0), (i, 1), ... of one panel for some input channels, [channels][width] each, and the
    /// floats from one point to the next.
    ///
    /// - Parameters:
    ///   - kernels: these channels' and this panel's, from `kernels(ofPanel:channels:)`.
    ///   - scratch: `pointStride(channels.count)` floats for each point, unless the transform is kept.
    func row<Form: WinogradForm>(
        _ form: Form.Type, _ i: Int, ofPanel panel: Int, channels: Range<Int>, kernels: FloatPointer?,
        scratch: MutableFloatPointer
    ) -> (points: FloatPointer, stride: Int) {
        let width = width(ofPanel: panel)
        switch storage {
        case .transformed(let buffer):
            let start = (Form.points * panel * 32 + i * Form.side * width) * depth + channels.lowerBound * width
            return (FloatPointer(buffer.start + start), depth * width)
        case .kernels:
            guard let kernels else { preconditionFailure("the kernels of panel \(panel) are missing") }
            let stride = Self.pointStride(channels.count)
            Self.transform(
                form, kernels, depth: channels.count, width: width, row: i, target: scratch, pointStride: stride)
            return (FloatPointer(scratch), stride)
        }
    }

    /// Returns the floats from one point of a panel to the next in scratch memory. A vector keeps points out of one
    /// cache set.
    static func pointStride(_ depth: Int) -> Int { depth * 32 + lanes }

    /// Writes row `i` of G g G^T for one panel of kernels, [depth][9][width], to `target`, [side][depth][width] with
    /// `pointStride` floats from one point to the next.
    private static func transform<Form: WinogradForm>(
        _ form: Form.Type, _ kernels: FloatPointer, depth: Int, width: Int, row i: Int, target: MutableFloatPointer,
        pointStride: Int
    ) {
        let (g0, g1, g2) = Form.filterRow(i)
        let (a, b, c) = (FloatVector(repeating: g0), FloatVector(repeating: g1), FloatVector(repeating: g2))
        for k in 0..<depth {
            for column in stride(from: 0, to: width, by: lanes) {
                let taps = kernels + k * 9 * width + column
                let h0 = Self.combination(a, b, c, taps, width)
                let h1 = Self.combination(a, b, c, taps + width, width)
                let h2 = Self.combination(a, b, c, taps + 2 * width, width)
                let place = target + k * width + column
                Form.transformFilter(h0, h1, h2) { store($1, place + $0 * pointStride) }
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
