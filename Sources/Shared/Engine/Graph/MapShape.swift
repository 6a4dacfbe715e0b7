import Diagnostics

/// The shape of one image's activations: pixels row by row, each holding its channels side by side (channels-last).
///
/// A map may be the concatenation of several ("segments"). Each segment's channels are padded with zeros to a multiple
/// of 16, so every loop runs over whole vectors and a concatenation is never copied into place.
package struct MapShape: Sendable, Hashable {
    package let height: Int
    package let width: Int
    /// Channels of each part, without padding.
    package let segments: [Int]
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

    /// Place of each channel among the `stride` floats of a pixel.
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

/// A node's result in a graph.
package struct Value: Sendable, Hashable {
    package let id: Int
    package let shape: MapShape
}

/// Values of one height and width, side by side: what an operation reads as a single map.
package struct Sources: Sendable {
    package let values: [Value]
    package let shape: MapShape

    package init(_ values: [Value]) {
        precondition(!values.isEmpty)
        let first = values[0].shape
        precondition(values.allSatisfy { $0.shape.height == first.height && $0.shape.width == first.width })
        self.values = values
        shape = MapShape(height: first.height, width: first.width, segments: values.flatMap(\.shape.segments))
    }

    package init(_ value: Value) { self.init([value]) }
}
