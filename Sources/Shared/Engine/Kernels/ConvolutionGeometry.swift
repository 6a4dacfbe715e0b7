/// A convolution's sizes, without its channels.
package struct Window: Sendable, Hashable {
    package var height: Int
    package var width: Int
    package var stride: Int
    package var paddingHeight: Int
    package var paddingWidth: Int
    /// The input is first enlarged twofold by repeating its pixels.
    package var upsamples: Bool

    package init(
        height: Int, width: Int, stride: Int = 1, paddingHeight: Int, paddingWidth: Int, upsamples: Bool = false
    ) {
        self.height = height
        self.width = width
        self.stride = stride
        self.paddingHeight = paddingHeight
        self.paddingWidth = paddingWidth
        self.upsamples = upsamples
    }

    /// size x size, padded so that stride 1 keeps the map's size where `size` is odd.
    package init(_ size: Int, stride: Int = 1, padding: Int? = nil, upsamples: Bool = false) {
        self.init(
            height: size, width: size, stride: stride, paddingHeight: padding ?? size / 2,
            paddingWidth: padding ?? size / 2, upsamples: upsamples)
    }

    package var taps: Int { height * width }

    /// Height and width of the map that the window slides over.
    func slidingSize(_ input: MapShape) -> (height: Int, width: Int) {
        upsamples ? (2 * input.height, 2 * input.width) : (input.height, input.width)
    }

    /// The output's shape; its channels may be several segments.
    package func output(of input: MapShape, segments: [Int]) -> MapShape {
        let size = slidingSize(input)
        return MapShape(
            height: (size.height + 2 * paddingHeight - height) / stride + 1,
            width: (size.width + 2 * paddingWidth - width) / stride + 1, segments: segments)
    }
}

/// The pixels that each output pixel of a (transposed) convolution reads: a table-free description, from which rows
/// of pointers are made eight at a time.
///
///     forward:    output (y, x) reads input (stride y - padding + r, stride x - padding + s) for tap (r, s)
///     transposed: output (y, x) reads input ((y + padding - r) / stride, ...) where the division has no remainder
struct Gathering {
    var window: Window
    var transposed: Bool
    /// The map that is read, before enlargement.
    var inputHeight: Int
    var inputWidth: Int
    var outputHeight: Int
    var outputWidth: Int

    /// Row and column of the input pixel for one tap along one axis, or -1 in the padding.
    @inline(__always)
    private func coordinate(_ position: Int, tap: Int, padding: Int, size: Int) -> Int {
        if transposed {
            let shifted = position + padding - tap
            guard shifted >= 0, shifted % window.stride == 0 else { return -1 }
            let result = shifted / window.stride
            return result < size ? result : -1
        }
        let result = position * window.stride + tap - padding
        let slidingSize = window.upsamples ? 2 * size : size
        guard result >= 0, result < slidingSize else { return -1 }
        return window.upsamples ? result >> 1 : result
    }

    /// The input pixel's number that output pixel (y, x) reads for tap (r, s), or -1.
    @inline(__always)
    func pixel(y: Int, x: Int, r: Int, s: Int) -> Int {
        let row = coordinate(y, tap: r, padding: window.paddingHeight, size: inputHeight)
        guard row >= 0 else { return -1 }
        let column = coordinate(x, tap: s, padding: window.paddingWidth, size: inputWidth)
        return column < 0 ? -1 : row * inputWidth + column
    }
}
