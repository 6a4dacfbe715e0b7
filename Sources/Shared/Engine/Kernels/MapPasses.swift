/// Passes over whole maps that no convolution's epilogue absorbs.
enum MapPasses {
    private static let itemFloats = 16_384

    /// Calls `body(first, end)` for pieces of 0..<count that consist of whole vectors. `count` is a multiple of 16.
    static func pieces(_ run: GraphRun, count: Int, _ body: (_ first: Int, _ end: Int) -> Void) {
        run.parallelFor((count + itemFloats - 1) / itemFloats) { item, _ in
            body(item * itemFloats, min(count, (item + 1) * itemFloats))
        }
    }

    /// Calls `body` once for every pixel of every image, numbered through the batch.
    static func pixels(_ run: GraphRun, _ shape: MapShape, _ body: (_ pixel: Int) -> Void) {
        let count = run.batch * shape.pixels
        let itemPixels = max(1, itemFloats / shape.stride)
        run.parallelFor((count + itemPixels - 1) / itemPixels) { item, _ in
            for pixel in item * itemPixels..<min(count, (item + 1) * itemPixels) { body(pixel) }
        }
    }

    /// Sets target to factor * source, or adds factor * source to it if `adds`.
    static func scale(
        _ run: GraphRun, _ source: FloatPointer, by factor: Float, target: MutableFloatPointer, adds: Bool, count: Int
    ) {
        let factor = FloatVector(repeating: factor)
        pieces(run, count: count) { first, end in
            var index = first
            while index < end {
                let value = factor * load(source + index)
                store(adds ? value + load(target + index) : value, target + index)
                index += lanes
            }
        }
    }

    /// Sets to 0 each of `values` whose `reference` is not above 0.
    static func mask(_ run: GraphRun, _ values: MutableFloatPointer, where reference: MutableFloatPointer, count: Int) {
        pieces(run, count: count) { first, end in
            var index = first
            while index < end {
                let kept = load(reference + index) .> FloatVector.zero
                store(FloatVector.zero.replacing(with: load(values + index), where: kept), values + index)
                index += lanes
            }
        }
    }

    /// Sets target[image] to factor * the sum over pixels of source[image, pixel], or adds it if `adds`. The target is
    /// [batch, stride].
    static func sumPixels(
        _ run: GraphRun, _ source: FloatPointer, shape: MapShape, scale factor: Float, target: MutableFloatPointer,
        adds: Bool
    ) {
        let (stride, pixels) = (shape.stride, shape.pixels)
        let blocks = stride / lanes
        run.parallelFor(run.batch * blocks) { item, _ in
            let (image, column) = (item / blocks, item % blocks * lanes)
            let start = source + image * shape.count + column
            // Sums of sums of 32 pixels round about as much as a sum of sqrt(pixels) terms.
            var total = FloatVector.zero
            var pixel = 0
            while pixel < pixels {
                let end = min(pixel + 32, pixels)
                var part = FloatVector.zero
                while pixel < end {
                    part += load(start + pixel * stride)
                    pixel += 1
                }
                total += part
            }
            let place = target + image * stride + column
            let value = FloatVector(repeating: factor) * total
            store(adds ? value + load(place) : value, place)
        }
    }

    /// Sets target to the sum over each 2x2 square of `source`, a map twice as large, or adds the sum if `adds`. This
    /// is the transpose of twofold enlargement.
    static func sumSquares(
        _ run: GraphRun, _ source: FloatPointer, shape: MapShape, target: MutableFloatPointer, adds: Bool
    ) {
        let stride = shape.stride
        run.parallelFor(run.batch * shape.height) { row, _ in
            let top = source + row * 4 * shape.width * stride
            let bottom = top + 2 * shape.width * stride
            let line = target + row * shape.width * stride
            for x in 0..<shape.width {
                var k = 0
                while k < stride {
                    let left = 2 * x * stride + k
                    let sum =
                        (load(top + left) + load(top + left + stride))
                        + (load(bottom + left) + load(bottom + left + stride))
                    let place = line + x * stride + k
                    store(adds ? sum + load(place) : sum, place)
                    k += lanes
                }
            }
        }
    }
}
