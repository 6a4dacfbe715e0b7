import Diagnostics

/// An 8-bit picture, gray (one channel) or RGB (three). Rows come from the top, and the channels of a pixel follow each
/// other.
package struct Image: Sendable, Equatable {
    package let width: Int
    package let height: Int
    /// 1 or 3.
    package let channels: Int
    /// The `height * width * channels` levels.
    package private(set) var pixels: [UInt8]

    /// There must be as many `pixels` as the other three say.
    package init(width: Int, height: Int, channels: Int, pixels: [UInt8]) {
        precondition(channels == 1 || channels == 3, "\(channels) channels")
        precondition(pixels.count == width * height * channels, "\(pixels.count) levels for \(width)x\(height)")
        self.width = width
        self.height = height
        self.channels = channels
        self.pixels = pixels
    }

    /// Makes a picture of one level everywhere.
    package init(width: Int, height: Int, channels: Int, level: UInt8) {
        self.init(
            width: width, height: height, channels: channels,
            pixels: [UInt8](repeating: level, count: width * height * channels))
    }

    /// The size and kind of the picture as messages print it: "32x32 RGB".
    package var form: String { "\(width)x\(height) \(channels == 1 ? "gray" : "RGB")" }

    package func level(x: Int, y: Int, channel: Int) -> UInt8 { pixels[(y * width + x) * channels + channel] }

    package mutating func setLevel(_ level: UInt8, x: Int, y: Int, channel: Int) {
        pixels[(y * width + x) * channels + channel] = level
    }

    /// Copies `other`, which must have the same number of channels, so that its upper left corner falls on (x, y).
    package mutating func paste(_ other: Image, x: Int, y: Int) {
        precondition(other.channels == channels && x >= 0 && y >= 0)
        precondition(x + other.width <= width && y + other.height <= height)
        let length = other.width * channels
        for row in 0..<other.height {
            let target = ((y + row) * width + x) * channels
            pixels.replaceSubrange(target..<target + length, with: other.pixels[row * length..<(row + 1) * length])
        }
    }

    /// Returns the picture with every pixel repeated `factor` times in both directions.
    package func enlarged(_ factor: Int) -> Image {
        guard factor > 1 else { return self }
        var result: [UInt8] = []
        result.reserveCapacity(pixels.count * factor * factor)
        for y in 0..<height {
            var row: [UInt8] = []
            for x in 0..<width {
                let pixel = pixels[(y * width + x) * channels..<(y * width + x + 1) * channels]
                for _ in 0..<factor { row.append(contentsOf: pixel) }
            }
            for _ in 0..<factor { result.append(contentsOf: row) }
        }
        return Image(width: width * factor, height: height * factor, channels: channels, pixels: result)
    }
}
