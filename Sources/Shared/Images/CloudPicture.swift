import Diagnostics
import Formats
import Tensors

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Draws a cloud as small shaded balls, seen from the side and from above, with y upwards.
///
/// The picture depends on the points alone, in whatever order they come.
package enum CloudPicture {
    /// Pixels of a side.
    package static let side = 256
    /// The picture is drawn at this multiple of its size, then averaged.
    private static let oversampling = 2
    /// Degrees.
    private static let azimuth = 35.0
    private static let elevation = 25.0
    /// A ball's radius and the cloud's half width, as parts of the picture's side.
    private static let radius = 1.0 / 96
    private static let reach = 0.46
    /// Towards the light: right, up and towards the viewer.
    private static let light = SIMD3<Double>(-0.4, 0.6, 0.7) / SIMD3<Double>(0.16, 0.36, 0.49).sum().squareRoot()

    /// Returns a gray picture of every cloud of a batch [B, N, 3], whose numbers are finite.
    package static func images(_ batch: Tensor<Float>) -> [Image] {
        precondition(isCloudShape(batch.sampleShape))
        return (0..<batch.batch).map { image(batch.doubles(sample: $0)) }
    }

    private static func image(_ coordinates: [Double]) -> Image {
        let size = side * oversampling
        let balls = balls(coordinates, size: Double(size))
        let farthest = balls.reduce(0) { max($0, abs($1.z)) }
        let radius = Self.radius * Double(size)
        var levels = [Double](repeating: 255, count: size * size)
        var depths = [Double](repeating: -.infinity, count: size * size)
        for ball in balls {
            let fog = 0.5 * (0.5 - (farthest > 0 ? ball.z / (2 * farthest) : 0))
            for y in Int((ball.y - radius).rounded(.down))...Int((ball.y + radius).rounded(.up)) {
                for x in Int((ball.x - radius).rounded(.down))...Int((ball.x + radius).rounded(.up)) {
                    let (dx, dy) = (Double(x) + 0.5 - ball.x, ball.y - Double(y) - 0.5)
                    let rest = radius * radius - dx * dx - dy * dy
                    guard rest >= 0, x >= 0, y >= 0, x < size, y < size else { continue }
                    let normal = SIMD3(dx, dy, rest.squareRoot()) / radius
                    let depth = ball.z + radius * normal.z
                    guard depth > depths[y * size + x] else { continue }
                    depths[y * size + x] = depth
                    let lit = 0.35 + 0.65 * max(0, (normal * light).sum())
                    levels[y * size + x] = 255 * ((1 - fog) * 0.75 * lit + 0.9 * fog)
                }
            }
        }
        return averaged(levels, size: size)
    }

    /// Returns the place of each ball in the picture, from the upper left corner, and its depth towards the viewer.
    private static func balls(_ coordinates: [Double], size: Double) -> [SIMD3<Double>] {
        let (a, e) = (azimuth * .pi / 180, elevation * .pi / 180)
        let right = SIMD3(cos(a), 0, -sin(a))
        let view = SIMD3(sin(a) * cos(e), sin(e), cos(a) * cos(e))
        let up = SIMD3(
            view.y * right.z - view.z * right.y, view.z * right.x - view.x * right.z,
            view.x * right.y - view.y * right.x)
        let points = stride(from: 0, to: coordinates.count, by: 3).map { start in
            SIMD3(coordinates[start], coordinates[start + 1], coordinates[start + 2])
        }
        let low = points.reduce(SIMD3(repeating: Double.infinity)) { pointwiseMin($0, $1) }
        let high = points.reduce(SIMD3(repeating: -Double.infinity)) { pointwiseMax($0, $1) }
        let seen = points.map { point in
            let centred = point - (low + high) / 2
            return SIMD3((centred * right).sum(), (centred * up).sum(), (centred * view).sum())
        }
        let widest = seen.reduce(0) { max($0, max(abs($1.x), abs($1.y))) }
        let scale = widest > 0 ? reach * size / widest : 0
        return seen.map { SIMD3(size / 2 + scale * $0.x, size / 2 - scale * $0.y, scale * $0.z) }
    }

    private static func averaged(_ levels: [Double], size: Int) -> Image {
        var pixels = [UInt8](repeating: 0, count: side * side)
        for y in 0..<side {
            for x in 0..<side {
                var sum = 0.0
                for row in y * oversampling..<(y + 1) * oversampling {
                    for column in x * oversampling..<(x + 1) * oversampling { sum += levels[row * size + column] }
                }
                let mean = sum / Double(oversampling * oversampling)
                pixels[y * side + x] = UInt8(min(max((mean + 0.5).rounded(.down), 0), 255))
            }
        }
        return Image(width: side, height: side, channels: 1, pixels: pixels)
    }
}

extension Quantization {
    /// Returns the drawings of a batch: those of pictures [B, 1 or 3, H, W], and those of clouds [B, N, 3], to which
    /// quantization does not apply. Throws `data` if the samples are neither, and if there is NaN or infinity in a cloud.
    package func drawings(_ batch: Tensor<Float>, seeds: [Int64]) throws -> [Image] {
        guard isCloudShape(batch.sampleShape) else { return try images(batch, seeds: seeds) }
        let size = max(batch.sampleCount, 1)
        if let index = batch.withElements({ $0.firstIndex { !$0.isFinite } }) {
            let sample = index / size
            throw Failure(
                .data, place: sample < seeds.count ? "seed \(seeds[sample])" : "sample \(sample)",
                "NaN or infinity in a cloud")
        }
        return CloudPicture.images(batch)
    }
}
