import Tensors

/// Between tensors as everybody else knows them, [B, C, H, W] (or [B, C]), and maps (channels-last, padded).
enum Border {
    /// Images `range` of `tensor` into `target`, [count, H, W, stride] with zeros for padding.
    static func enter(_ tensor: Tensor<Float>, _ range: Range<Int>, shape: MapShape, target: Pointer) {
        let (positions, stride, pixels) = (shape.positions, shape.stride, shape.pixels)
        let size = shape.channels * pixels
        precondition(tensor.count >= range.upperBound * size)
        tensor.withElements { elements in
            guard let start = elements.baseAddress else { return }
            for (row, image) in range.enumerated() {
                let (source, map) = (start + image * size, target + row * shape.count)
                if positions.count < stride { map.update(repeating: 0, count: shape.count) }
                for pixel in 0..<pixels {
                    for (channel, position) in positions.enumerated() {
                        map[pixel * stride + position] = source[channel * pixels + pixel]
                    }
                }
            }
        }
    }

    /// A map of `range.count` images into the images `range` of a tensor's elements.
    static func leave(_ map: Source, shape: MapShape, _ range: Range<Int>, elements: Pointer) {
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

    /// [batch, C, H, W], or [batch, C] for a map of one pixel.
    static func tensorShape(_ shape: MapShape, batch: Int) -> [Int] {
        shape.pixels == 1 ? [batch, shape.channels] : [batch, shape.channels, shape.height, shape.width]
    }
}
