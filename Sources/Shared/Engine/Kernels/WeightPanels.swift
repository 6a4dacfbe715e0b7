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

    /// Returns rows of a panel, [rows][width].
    ///
    /// - Parameters:
    ///   - rows: if panels are made, whole vectors of channels of a tap, or all taps of such channels.
    ///   - scratch: as many rows of 32 floats, if panels are made.
    func panel(_ index: Int, rows: Range<Int>, scratch: MutableFloatPointer) -> FloatPointer {
        if let turn {
            make(index, rows, turn, scratch)
        } else if matrix.precision == .float32 {
            return matrix.panel(index) + rows.lowerBound * width(ofPanel: index)
        } else {
            matrix.widen(panel: index, rows: rows, to: scratch)
        }
        return FloatPointer(scratch)
    }

    /// Asks for a part of the rows behind `rows` of a panel, as many as these, to be had in cache soon: part `part` of
    /// `parts`. The first pass over a block of weights would wait for memory otherwise. Does nothing for panels that are
    /// widened, or made of several taps.
    func prefetch(_ index: Int, after rows: Range<Int>, part: Int, of parts: Int) {
        guard matrix.precision == .float32 else { return }
        if let turn {
            if turn.taps == 1 { prefetchSquares(index, after: rows, turn, part: part, of: parts) }
            return
        }
        let width = width(ofPanel: index)
        let next = matrix.panel(index) + rows.upperBound * width
        let count = rows.count * width
        for place in stride(from: count * part / parts, to: count * (part + 1) / parts, by: lanes) {
            processor_prefetch(next + place)
        }
    }

    /// Asks for a part of the next rows of a panel that is made, or of the next panel's first rows. With one tap, 32 of
    /// its rows and 32 of its columns are a square of contiguous elements in the kept matrix.
    private func prefetchSquares(_ index: Int, after rows: Range<Int>, _ turn: Turn, part: Int, of parts: Int) {
        let endsPanel = rows.upperBound == self.rows
        let made = endsPanel ? index + 1 : index
        guard made < panelCount else { return }
        let first = endsPanel ? 0 : rows.upperBound
        let squares = first / 32..<(min(first + rows.count, self.rows) + 31) / 32
        let vectors = 64 * squares.count
        for vector in vectors * part / parts..<vectors * (part + 1) / parts {
            let panel = squares.lowerBound + vector / 64, width = matrix.width(ofPanel: panel)
            guard vector % 64 < 2 * width else { continue }
            processor_prefetch(
                matrix.panel(panel) + (turn.firstChannel + made * 32) * width + vector % 64 * lanes)
        }
    }

    private func make(_ index: Int, _ rows: Range<Int>, _ turn: Turn, _ target: MutableFloatPointer) {
        let (width, step) = (width(ofPanel: index), turn.made.channelStep)
        for tap in 0..<turn.taps {
            let origin = turn.made.tapStep * (turn.flips ? turn.taps - 1 - tap : tap)
            // The kept matrix' columns, padded, are the channels.
            let first = max(0, rows.lowerBound - origin + step - 1) / step
            let end = min(matrix.columns, max(0, rows.upperBound - origin + step - 1) / step)
            for channel in stride(from: first, to: end, by: lanes) {
                let place = target + (origin + channel * step - rows.lowerBound) * width
                for column in stride(from: 0, to: width, by: lanes) {
                    let kept = turn.firstChannel + index * 32 + column
                    matrix.transpose(
                        row: kept * turn.kept.channelStep + tap * turn.kept.tapStep, rowStep: turn.kept.channelStep,
                        column: channel, to: place + column, stride: step * width)
                }
            }
        }
    }
}
