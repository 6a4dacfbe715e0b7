/// The sizes of a convolution, without its channels.
package struct Window: Sendable, Hashable {
    package var height: Int
    package var width: Int
    package var stride: Int
    package var paddingHeight: Int
    package var paddingWidth: Int
    /// Whether the input is first enlarged twofold by repeating its pixels.
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

    /// A window of size x size. By default it is padded so that stride 1 keeps the map's size if `size` is odd.
    package init(_ size: Int, stride: Int = 1, padding: Int? = nil, upsamples: Bool = false) {
        self.init(
            height: size, width: size, stride: stride, paddingHeight: padding ?? size / 2,
            paddingWidth: padding ?? size / 2, upsamples: upsamples)
    }

    package var taps: Int { height * width }

    /// Returns height and width of the map that the window slides over.
    func slidingSize(_ input: MapShape) -> (height: Int, width: Int) {
        upsamples ? (2 * input.height, 2 * input.width) : (input.height, input.width)
    }

    /// Returns the output's shape. The output's channels may be several segments.
    package func output(of input: MapShape, segments: [Int]) -> MapShape {
        let size = slidingSize(input)
        return MapShape(
            height: (size.height + 2 * paddingHeight - height) / stride + 1,
            width: (size.width + 2 * paddingWidth - width) / stride + 1, segments: segments)
    }
}
