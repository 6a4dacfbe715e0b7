import Diagnostics
import Tensors

/// The rule by which a value of [-1, 1] becomes one of 256 levels. The two rules differ by one level for half of all
/// values.
package enum Quantization: String, Sendable, CaseIterable {
    /// floor(127.5 x + 128), clipped, as in EDM's generate.py, which rounds half up.
    case round
    /// floor(127.5 (x + 1)), clipped, as in guided-diffusion and in the reference implementation of LD3.
    case truncate

    /// Returns the level of `x`, which must not be NaN; infinities are clipped.
    package func level(_ x: Float) -> UInt8 {
        let scaled =
            switch self {
            case .round: x * 127.5 + 128
            case .truncate: (x + 1) * 127.5
            }
        return UInt8(Swift.min(Swift.max(scaled, 0), 255))
    }

    /// Returns the levels of a batch [B, sample shape] as numbers 0...255. Throws `.data` if an element is NaN; the
    /// message names the seed of its sample.
    package func levels(_ batch: Tensor<Float>, seeds: [Int64]) throws -> Tensor<Float> {
        try refuseNaN(batch, seeds: seeds)
        return batch.map { Float(level($0)) }
    }

    /// Throws `data` if samples of `shape` are neither pictures nor clouds.
    package func check(sampleShape shape: [Int]) throws { _ = try drawings(Tensor(shape: [0] + shape), seeds: []) }

    /// Returns the pictures of a batch [B, 1 or 3, H, W]. Throws `.data` if samples have another shape, or if an
    /// element is NaN.
    package func images(_ batch: Tensor<Float>, seeds: [Int64]) throws -> [Image] {
        let shape = batch.sampleShape
        guard shape.count == 3, shape[0] == 1 || shape[0] == 3, shape[1] > 0, shape[2] > 0 else {
            throw Failure(
                .data, "samples of shape \(shape) are no pictures", suggestion: "pictures are [1, H, W] or [3, H, W]")
        }
        try refuseNaN(batch, seeds: seeds)
        return Image.images(batch) { level($0) }
    }

    private func refuseNaN(_ batch: Tensor<Float>, seeds: [Int64]) throws {
        let size = max(batch.sampleCount, 1)
        guard let index = batch.withElements({ $0.firstIndex { $0.isNaN } }) else { return }
        let sample = index / size
        let name = sample < seeds.count ? "seed \(seeds[sample])" : "sample \(sample)"
        throw Failure(.data, place: name, "NaN in an image (element \(index % size))")
    }
}

extension Image {
    /// Returns the pictures of levels 0...255, [B, 1 or 3, H, W].
    package static func images(ofLevels levels: Tensor<Float>) -> [Image] { images(levels) { UInt8($0) } }

    /// Returns the pictures of a batch [B, 1 or 3, H, W] whose values become levels by `level`.
    fileprivate static func images(_ batch: Tensor<Float>, _ level: (Float) -> UInt8) -> [Image] {
        let (channels, height, width) = (batch.shape[1], batch.shape[2], batch.shape[3])
        return batch.withElements { values in
            (0..<batch.batch).map { sample in
                let planes = values[sample * channels * height * width..<(sample + 1) * channels * height * width]
                let first = planes.startIndex
                let pixels = [UInt8](unsafeUninitializedCapacity: planes.count) { target, count in
                    for place in 0..<height * width {
                        for channel in 0..<channels {
                            target[place * channels + channel] = level(planes[first + channel * height * width + place])
                        }
                    }
                    count = planes.count
                }
                return Image(width: width, height: height, channels: channels, pixels: pixels)
            }
        }
    }

    /// The levels 0...255 as [1, channels, H, W], the form that feature networks take.
    package var planes: Tensor<Float> {
        Tensor(shape: [1, channels, height, width]) { target in
            for place in 0..<height * width {
                for channel in 0..<channels {
                    target[channel * height * width + place] = Float(pixels[place * channels + channel])
                }
            }
        }
    }
}
