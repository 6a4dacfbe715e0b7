import Diagnostics
import Formats
import Metrics
import TensorStream
import Tensors

/// Clouds as a file or a stream holds them, in its own scale.
package struct CloudSamples: Sendable {
    package private(set) var clouds: [PointCloud] = []
    /// The seed of each cloud; nil if the file has none.
    package private(set) var seeds: [Int64]?
    /// The mean squared difference of each cloud's coordinates from the teacher's; nil without a teacher.
    package private(set) var squaredErrors: [Double]?

    /// The programs that made the clouds; nil if they are not told.
    package private(set) var pipeline: String?

    package var count: Int { clouds.count }

    /// Reads standard input (`-`), a stream of samples, a .npy array [B, N, 3], a .npz archive with `arr_0` or one array, or
    /// a safetensors file with `points` or `image`.
    ///
    /// Throws `data` if it holds no clouds, or numbers that are not finite.
    package init(path: String, reporter: Reporter) throws {
        let place = path == "-" ? "standard input" : path
        if path != "-", let array = try CloudFile(path: path)?.array() {
            try locating(place) { try add(array) }
        } else {
            let stream = path == "-" ? try StreamReader.standardInput(.samples) : try .file(path, .samples)
            let reader = SampleReader(stream, known: ["image", "target"], foreign: .drop, reporter: reporter)
            pipeline = try? reader.firstPart().history().pipeline
            while let batch = try reader.next() { if batch.count > 0 { try add(batch) } }
        }
        guard count > 0 else { throw Failure(.data, place: place, "holds no clouds") }
    }

    /// Returns the clouds `range`.
    package func samples(_ range: Range<Int>) -> CloudSamples {
        var result = self
        result.clouds = Array(clouds[range])
        result.seeds = seeds.map { Array($0[range]) }
        result.squaredErrors = squaredErrors.map { Array($0[range]) }
        return result
    }

    /// Returns the clouds in `scale`. Throws `data` if one has no extent, naming its seed or its place.
    package func scaled(_ scale: CloudScale) throws -> [PointCloud] {
        try clouds.enumerated().map { index, cloud in
            try locating(seeds.map { "seed \($0[index])" } ?? "cloud \(index)") { try cloud.scaled(scale) }
        }
    }

    private mutating func add(_ batch: SampleBatch) throws {
        let shape = try locating(batch.part.place ?? "samples") {
            let shape = try batch.sampleShape("image")
            try Self.check(sampleShape: shape)
            return shape
        }
        let isFirst = clouds.isEmpty
        let values = try batch.floats("image")
        add(values, points: shape[0])
        seeds = (seeds ?? []) + batch.seeds
        guard batch["target"] != nil, isFirst || squaredErrors != nil else { return squaredErrors = nil }
        let targets = try batch.floats("target", sampleShape: shape)
        squaredErrors = (squaredErrors ?? []) + Metrics.squaredErrors(values, targets, count: batch.count)
    }

    private mutating func add(_ array: NamedTensor) throws {
        try Self.check(sampleShape: Array(array.shape.dropFirst()))
        let values = try array.doubles().map { Float($0) }
        guard values.allSatisfy(\.isFinite) else {
            throw Failure(.data, "`\(array.name)` holds NaN or infinity")
        }
        add(values, points: array.shape[1])
    }

    private mutating func add(_ values: [Float], points: Int) {
        for start in stride(from: 0, to: values.count, by: 3 * points) {
            clouds.append(PointCloud(coordinates: Array(values[start..<start + 3 * points])))
        }
    }

    /// Throws `data` if a sample of this shape is no cloud.
    private static func check(sampleShape: [Int]) throws {
        guard isCloudShape(sampleShape) else {
            throw Failure(.data, "samples of shape \(sampleShape) are no clouds [N, 3] of more than 3 points")
        }
    }
}
