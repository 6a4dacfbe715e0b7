import Checkpoints
import Diagnostics
import FeatureNetworks
import Formats
import Images
import Metrics
import TensorStream
import Tensors
import TestSupport
import Testing

/// The mean of each channel of a picture as its features.
private struct ChannelMeans: FeatureNetwork {
    let name = "means"
    let channels: Int
    var featureCount: Int { channels }

    func features(_ levels: Tensor<Float>) -> Tensor<Float> {
        let pixels = levels.sampleCount / channels
        let elements = levels.elements
        return Tensor(
            shape: [levels.batch, channels],
            elements: (0..<levels.batch * channels).map {
                elements[$0 * pixels..<($0 + 1) * pixels].reduce(0, +) / Float(pixels)
            })
    }
}

/// Every form of a set of samples, and the samples that it gives.
@Suite struct SampleInputTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func set(_ path: String, channels: Int = 1, hasSeeds: Bool = true) throws -> FeatureSet {
        let settings = SampleInput.Settings(
            quantization: .round, batch: 2, hasSeeds: hasSeeds, reporter: Reporter(program: "test", quiet: true))
        return try FeatureEvaluator(ChannelMeans(channels: channels), keepsVectors: true, settings: settings)
            .sets(path)[0].features
    }

    private func write(_ image: Image, _ name: String) throws { try folder.write(PNG.encode(image), to: name) }

    private func stream(_ image: NamedTensor, named name: String = "s") throws -> String {
        let count = image.shape[0]
        let seeds = NamedTensor(name: "seed", shape: [count], int64s: (0..<count).map { Int64($0) })
        let metadata = ["ld3.format": "1", "ld3.kind": "samples", "ld3.count": "\(count)"]
        return try folder.write(Frame(metadata: metadata, tensors: [image, seeds]).image, to: name)
    }

    @Test func grayAmongColoursIsRepeated() throws {
        for (number, level) in [UInt8(10), 20, 30].enumerated() {
            try write(Image(width: 1, height: 1, channels: 1, level: level), "\(2 * number).png")
            try write(Image(width: 1, height: 1, channels: 3, pixels: [level, 1, 2]), "\(2 * number + 1).png")
        }
        let vectors = try #require(try set(folder.path, channels: 3).vectors)
        #expect(vectors.elements == [10, 10, 10, 10, 1, 2, 20, 20, 20, 20, 1, 2, 30, 30, 30, 30, 1, 2])
        let failure = #expect(throws: Failure.self) { try set(folder.path) }
        #expect(failure?.place == folder.file("1.png") && failure?.suggestion == "convert them to gray")
    }

    @Test func sizesMustBeEqual() throws {
        try write(Image(width: 1, height: 1, channels: 3, level: 9), "a.png")
        try write(Image(width: 2, height: 1, channels: 1, level: 9), "b.png")
        let failure = #expect(throws: Failure.self) { try set(folder.path, channels: 3) }
        #expect(failure?.message == "b.png is 2x1 gray, but a.png is 1x1 RGB")
    }

    /// Streams have seeds, bare arrays have none: two of them may be added up.
    @Test func arraysAndStreamsOfAnyType() throws {
        let levels: [UInt8] = [0, 64, 255]
        let bytes = NamedTensor(name: "image", type: .uint8, shape: [3, 1, 1, 1], bytes: levels)
        let floats = NamedTensor(name: "image", shape: [3, 1, 1, 1], floats: levels.map { Float($0) / 127.5 - 1 })
        var paths = [try stream(bytes), try stream(floats, named: "t")]
        for path in paths { #expect(try set(path).statistics.moments?.seeds.text == "0-2") }
        #expect(try set(paths[0], hasSeeds: false).statistics.moments?.seeds.isEmpty == true)
        for (place, array) in [bytes, floats].enumerated() {
            paths.append(try folder.write(NPY.serialize(array), to: "\(place).npy"))
            paths.append(try folder.write(NPZFile.serialize([array]), to: "\(place).npz"))
            #expect(try set(paths[paths.count - 2]).statistics.moments?.seeds.isEmpty == true)
        }
        for path in paths { #expect(try set(path).vectors?.elements == [0, 64, 255], "\(path)") }
    }

    @Test func streamsWithTheirChannelsLastAreNamed() throws {
        let path = try stream(
            NamedTensor(name: "image", shape: [2, 4, 4, 1], floats: [Float](repeating: 0, count: 32)))
        let failure = #expect(throws: Failure.self) { try set(path) }
        #expect(failure?.place == path && failure?.suggestion?.contains("moveaxis") == true)
    }

    /// The whole length of an input may take hours, so the reference is looked at first.
    @Test func aReferenceOfOtherFeaturesIsRefusedBeforeSamplesAreRead() throws {
        try write(Image(width: 1, height: 1, channels: 1, level: 1), "0.png")
        try folder.write([1], to: "1.png")
        let statistics = FeatureStatistics(
            Moments(dimension: 2, count: 2, sum: [0, 0], outer: [1, 0, 0, 1], seeds: SeedRanges()), features: nil)
        let comparison = try ReferenceComparison(
            with: NamedSet(name: "there", features: FeatureSet(statistics: statistics)))
        let settings = SampleInput.Settings(
            quantization: .round, batch: 2, reporter: Reporter(program: "test", quiet: true))
        let evaluator = FeatureEvaluator(ChannelMeans(channels: 1), keepsVectors: false, settings: settings)
        #expect(throws: Failure(.data, place: "there", "holds 2 features a sample, but \(folder.path) 1")) {
            try evaluator.sets(folder.path, for: comparison)
        }
    }
}
