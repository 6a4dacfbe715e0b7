import Tensors

/// Converts between tensors, [B, C, H, W] or [B, C], and the engine's maps, which are channels-last and padded.
enum MapConversion {
    /// Writes the images `range` of `tensor` to `map`, [range.count, H, W, stride], with zeros as padding.
    static func write(
        _ tensor: Tensor<Float>, _ range: Range<Int>, shape: MapShape, to map: MutableFloatPointer
    ) {
        let (positions, stride, pixels) = (shape.positions, shape.stride, shape.pixels)
        let size = shape.channels * pixels
        precondition(tensor.count >= range.upperBound * size)
        tensor.withElements { elements in
            guard let start = elements.baseAddress else { return }
            for (row, image) in range.enumerated() {
                let (source, target) = (start + image * size, map + row * shape.count)
                if positions.count < stride { target.update(repeating: 0, count: shape.count) }
                for pixel in 0..<pixels {
                    for (channel, position) in positions.enumerated() {
                        target[pixel * stride + position] = source[channel * pixels + pixel]
                    }
                }
            }
        }
    }

    /// Writes a map of `range.count` images to the images `range` of a tensor's elements.
    static func read(_ map: FloatPointer, shape: MapShape, _ range: Range<Int>, to elements: MutableFloatPointer) {
        let (positions, stride, pixels) = (shape.positions, shape.stride, shape.pixels)
        for (row, image) in range.enumerated() {
            let (source, target) = (map + row * shape.count, elements + image * shape.channels * pixels)
            for pixel in 0..<pixels {
                for (channel, position) in positions.enumerated() {
                    target[channel * pixels + pixel] = source[pixel * stride + position]
                }
            }
        }
    }

    /// Returns [batch, C, H, W], or [batch, C] for a map of one pixel.
    static func tensorShape(_ shape: MapShape, batch: Int) -> [Int] {
        shape.pixels == 1 ? [batch, shape.channels] : [batch, shape.channels, shape.height, shape.width]
    }
}
