/// A layer's weights in bfloat16 as the processor's tiles multiply by them: panels of 32 columns, each
///
///     [tap][steps of 32 channels][2 halves of the columns][16 pairs of channels][16 columns][2]
struct TilePanels: Sendable {
    let taps: Int
    /// Channels of a tap, a multiple of 32.
    let depth: Int
    /// A multiple of 16.
    let columns: Int
    private let buffer: FloatBuffer

    typealias Put = (_ tap: Int, _ channel: Int, _ column: Int, _ value: Float) -> Void

    /// - Parameters:
    ///   - depth: the channels of a tap.
    ///   - fill: writes elements; the others are zero.
    init(taps: Int, depth: Int, columns: Int, fill: (Put) -> Void) {
        (self.taps, self.columns) = (taps, columns)
        self.depth = roundUp(depth, to: 32)
        buffer = FloatBuffer(zeros: (columns + 31) / 32 * taps * self.depth * 16)
        let start = UnsafeMutableRawPointer(buffer.start).assumingMemoryBound(to: UInt16.self)
        let size = self.depth * 32
        fill { tap, channel, column, value in
            let panel = start + (column / 32 * taps + tap) * size
            panel[Self.place(channel: channel, column: column % 32)] = BFloat16(rounding: value).bits
        }
    }

    /// Returns the place of an element in a panel's steps.
    @inline(__always)
    private static func place(channel: Int, column: Int) -> Int {
        channel / 32 * 1024 + column / 16 * 512 + channel % 32 / 2 * 32 + column % 16 * 2 + channel % 2
    }

    var panelCount: Int { (columns + 31) / 32 }
    func width(ofPanel index: Int) -> Int { min(32, columns - index * 32) }
    /// The steps of a tap.
    var steps: Int { depth / 32 }
    static let stepBytes = 2048

    func panel(_ index: Int) -> UnsafeRawPointer {
        UnsafeRawPointer(buffer.start) + index * taps * steps * Self.stepBytes
    }
}
