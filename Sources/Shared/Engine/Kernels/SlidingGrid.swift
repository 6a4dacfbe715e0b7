/// The padded map over which a window slides, as rows of positions whose distance is the same for all.
///
/// Output (y, x) of an image lies at position y pitch + x. A tap reads the position a constant further, so any run of
/// positions is a matrix with a constant row stride. Neighbouring rows, and images, share the zeros between them. A
/// window that moves by `stride` has stride x stride maps ("phases") of every stride-th row and column. Positions
/// beyond an output's width or height are computed and thrown away.
struct SlidingGrid: Sendable {
    let stride: Int
    /// Positions of a row.
    let pitch: Int
    /// Rows of an image.
    let imageRows: Int
    /// Rows behind an output's that its taps reach.
    let reach: Int
    /// Positions behind an output's that its taps reach in its row.
    let reachInRow: Int
    private let rows: Axis
    private let columns: Axis
    private let flips: Bool

    /// One axis of the map that is read.
    private struct Axis {
        let size: Int
        let padding: Int
        let taps: Int
        /// The rows that one row becomes, with zeros between.
        let dilation: Int
        let upsamples: Bool

        /// Rows from the first to the last.
        var extent: Int { upsamples ? 2 * size : (size - 1) * dilation + 1 }

        /// Returns the positions from one row to the next: enough for the outputs, for what is read, and for zeros that
        /// keep a window at the end from reading a number of the next.
        func pitch(outputs: Int, stride: Int) -> Int {
            let read = max(padding + extent, stride * (outputs - 1) + taps - padding)
            return max(outputs, (read + stride - 1) / stride)
        }

        /// Returns the row of the map at a place of the padded one, or -1 in the padding and between rows.
        @inline(__always)
        func source(_ place: Int) -> Int {
            let row = place - padding
            guard row >= 0, row < extent else { return -1 }
            if upsamples { return row >> 1 }
            return dilation == 1 ? row : row % dilation == 0 ? row / dilation : -1
        }
    }

    /// A transposed convolution is one of stride 1 over a dilated map, with its kernel turned by half a turn.
    init(_ gathering: PixelGathering) {
        let window = gathering.window
        let dilation = gathering.transposed ? window.stride : 1
        func axis(_ size: Int, _ taps: Int, _ padding: Int) -> Axis {
            Axis(
                size: size, padding: gathering.transposed ? taps - 1 - padding : padding, taps: taps,
                dilation: dilation, upsamples: window.upsamples && !gathering.transposed)
        }
        rows = axis(gathering.inputHeight, window.height, window.paddingHeight)
        columns = axis(gathering.inputWidth, window.width, window.paddingWidth)
        stride = gathering.transposed ? 1 : window.stride
        flips = gathering.transposed
        pitch = columns.pitch(outputs: gathering.outputWidth, stride: stride)
        imageRows = rows.pitch(outputs: gathering.outputHeight, stride: stride)
        reachInRow = (window.width - 1) / stride
        reach = (window.height - 1) / stride + (reachInRow > 0 ? 1 : 0)
    }

    var phases: Int { stride * stride }
    var taps: Int { rows.taps * columns.taps }

    /// Returns the phase that a tap reads, and the positions by which it reads further.
    func tap(_ index: Int) -> (phase: Int, shift: Int) {
        let tap = flips ? taps - 1 - index : index
        let (r, s) = (tap / columns.taps, tap % columns.taps)
        return (r % stride * stride + s % stride, r / stride * pitch + s / stride)
    }

    /// Returns the row of the input at a row of a phase, or -1 where there are zeros.
    func sourceRow(_ row: Int, phase: Int) -> Int { rows.source(row * stride + phase / stride) }

    /// Returns the column of the input at a column of a phase, or -1 where there are zeros.
    @inline(__always)
    func sourceColumn(_ column: Int, phase: Int) -> Int { columns.source(column * stride + phase % stride) }
}
