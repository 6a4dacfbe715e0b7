/// Passes over whole maps that no product absorbs.
enum Elementwise {
    private static let itemFloats = 16_384

    /// `body(first, end)` over 0..<count in pieces of whole vectors. `count` is a multiple of 16.
    static func pieces(_ run: Run, count: Int, _ body: (_ first: Int, _ end: Int) -> Void) {
        run.parallelFor((count + itemFloats - 1) / itemFloats) { item, _ in
            body(item * itemFloats, min(count, (item + 1) * itemFloats))
        }
    }

    /// target (+)= factor * source
    static func scale(_ run: Run, _ source: Source, by factor: Float, target: Pointer, adds: Bool, count: Int) {
        let factor = Vector(repeating: factor)
        pieces(run, count: count) { first, end in
            var index = first
            while index < end {
                let value = factor * load(source + index)
                store(adds ? value + load(target + index) : value, target + index)
                index += lanes
            }
        }
    }

    /// values = 0 where `reference` is not above 0.
    static func mask(_ run: Run, _ values: Pointer, where reference: Pointer, count: Int) {
        pieces(run, count: count) { first, end in
            var index = first
            while index < end {
                let kept = load(reference + index) .> Vector.zero
                store(Vector.zero.replacing(with: load(values + index), where: kept), values + index)
                index += lanes
            }
        }
    }

    /// target[image] (+)= factor * sum over pixels of source[image, pixel]; target is [batch, stride].
    static func sumPixels(
        _ run: Run, _ source: Source, shape: MapShape, scale factor: Float, target: Pointer, adds: Bool
    ) {
        let (stride, pixels) = (shape.stride, shape.pixels)
        let blocks = stride / lanes
        run.parallelFor(run.batch * blocks) { item, _ in
            let (image, column) = (item / blocks, item % blocks * lanes)
            let start = source + image * shape.count + column
            // Two levels of sums keep the rounding error at that of a sum of sqrt(pixels) terms.
            var total = Vector.zero
            var pixel = 0
            while pixel < pixels {
                let end = min(pixel + 32, pixels)
                var part = Vector.zero
                while pixel < end {
                    part += load(start + pixel * stride)
                    pixel += 1
                }
                total += part
            }
            let place = target + image * stride + column
            let value = Vector(repeating: factor) * total
            store(adds ? value + load(place) : value, place)
        }
    }

    /// The transpose of twofold enlargement: target (+)= sum over each 2x2 square of `source`, a map twice as large.
    static func sumSquares(_ run: Run, _ source: Source, shape: MapShape, target: Pointer, adds: Bool) {
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
