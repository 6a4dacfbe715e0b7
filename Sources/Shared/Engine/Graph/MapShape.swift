/// The shape of one image's activations: pixels row by row, each holding its channels side by side (channels-last).
///
/// A map may be the concatenation of several ("segments"). Each segment's channels are padded with zeros to a multiple
/// of 16, so every loop runs over whole vectors, and operations read the parts of a concatenation without copying them.
package struct MapShape: Sendable, Hashable {
    package let height: Int
    package let width: Int
    /// Channels of each segment, without padding.
    package let segments: [Int]
    /// Channels of all segments, without padding.
    package let channels: Int
    package let pixels: Int
    /// Floats from one pixel to the next.
    package let stride: Int
    /// Floats of one image.
    package let count: Int

    package init(height: Int, width: Int, segments: [Int]) {
        precondition(height > 0 && width > 0 && !segments.isEmpty && segments.allSatisfy { $0 > 0 })
        self.height = height
        self.width = width
        self.segments = segments
        channels = segments.reduce(0, +)
        pixels = height * width
        stride = segments.reduce(0) { $0 + roundUp($1, to: lanes) }
        count = height * width * stride
    }

    package init(height: Int, width: Int, channels: Int) {
        self.init(height: height, width: width, segments: [channels])
    }

    /// A vector of features: a map of one pixel.
    package init(features: Int) { self.init(height: 1, width: 1, channels: features) }

    /// The place of each channel among the `stride` floats of a pixel.
    package var positions: [Int] {
        var result: [Int] = []
        var start = 0
        for segment in segments {
            result += start..<start + segment
            start += roundUp(segment, to: lanes)
        }
        return result
    }
}
