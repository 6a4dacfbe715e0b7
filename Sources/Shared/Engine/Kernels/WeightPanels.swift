import CProcessor

/// A layer's weights as one direction multiplies by them: panels in Float. They are read where they lie, or made of the
/// kept matrix for each work item, in memory that the item provides.
struct WeightPanels: Sendable {
    let rows: Int
    let columns: Int
    private let matrix: PanelMatrix
    private let turn: Turn?

    /// The way from the matrix of a forward run to the matrix of its pullback to one source: for each tap, rows and
    /// columns are exchanged. A forward run's row belongs to a tap and a channel of the sources, and its column to a
    /// channel of the output.
    struct Turn: Sendable {
        /// Row channel * channelStep + tap * tapStep belongs to this channel and tap.
        struct Order: Sendable {
            let channelStep: Int
            let tapStep: Int
        }

        let taps: Int
        let kept: Order
        let made: Order
        /// Whether kernels are turned by half a turn.
        let flips: Bool
        /// The place of the source's first channel among the channels of all sources.
        let firstChannel: Int
        /// The source's channels, with their padding.
        let columns: Int
    }

    init(_ matrix: PanelMatrix) {
        (rows, columns) = (matrix.rows, matrix.columns)
        self.matrix = matrix
        turn = nil
    }

    /// The matrix of the pullback that belongs to a forward run's panels.
    init(_ forward: WeightPanels, turn: Turn) {
        (rows, columns) = (forward.columns * turn.taps, turn.columns)
        matrix = forward.matrix
        self.turn = turn
    }

    var panelCount: Int { (columns + 31) / 32 }
    func width(ofPanel index: Int) -> Int { min(32, columns - index * 32) }
    /// Whether `panel` writes to its scratch memory.
    var isMade: Bool { turn != nil || matrix.precision != .float32 }

    /// Returns a panel, [rows][width].
    ///
    /// - Parameter scratch: `rows` times 32 floats, if panels are made.
    func panel(_ index: Int, scratch: MutableFloatPointer) -> FloatPointer {
        guard isMade else { return matrix.panel(index) }
        if let turn {
            make(index, turn, scratch)
        } else {
            matrix.widen(panel: index, first: 0, count: rows, to: scratch)
        }
        return FloatPointer(scratch)
    }

    private func make(_ index: Int, _ turn: Turn, _ target: MutableFloatPointer) {
        let width = width(ofPanel: index)
        let first = turn.firstChannel + index * 32
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 32 * 32) { memory in
            guard let block = memory.baseAddress else { return }
            for panel in 0..<matrix.panelCount {
                let keptWidth = matrix.width(ofPanel: panel)
                for tap in 0..<turn.taps {
                    for channel in 0..<width {
                        matrix.widen(
                            panel: panel, first: (first + channel) * turn.kept.channelStep + tap * turn.kept.tapStep,
                            count: 1, to: block + channel * 32)
                    }
                    let row = turn.made.tapStep * (turn.flips ? turn.taps - 1 - tap : tap)
                    for (i, j) in [(0, 0), (0, 16), (16, 0), (16, 16)] where i < width && j < keptWidth {
                        processor_transpose_16x16(
                            block + i * 32 + j, 32,
                            target + ((panel * 32 + j) * turn.made.channelStep + row) * width + i,
                            turn.made.channelStep * width)
                    }
                }
            }
        }
    }
}
