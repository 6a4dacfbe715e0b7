import Checkpoints
import Diagnostics
import FeatureNetworks
import Formats
import Networks
import Tensors
import TestSupport
import Testing

@Suite struct FeatureNetworkTests {
    private static let pool = ThreadPool(threads: 2)

    private func mnist() throws -> DigitFeatures {
        let path = "\(Fixtures.root)/Sources/Shared/Models/Resources/mnist32-features.safetensors"
        return try DigitFeatures(
            weights: SafetensorsFile(path: path), name: "mnist32-features", imageShape: [1, 32, 32], pool: Self.pool)
    }

    @Test func theEmbeddedNetworkAgreesWithPyTorch() throws {
        let check = try SafetensorsFile(path: Fixtures.path("models/mnist32-check.safetensors"))
        let network = try mnist()
        let features = try network.features(images: check.tensor("clean").tensor())
        #expect(relativeError(features.elements, try check.tensor("feature").doubles()) < 1e-5)
        let logits = network.logits(features)
        #expect(relativeError(logits.elements, try check.tensor("logits").doubles()) < 1e-5)
    }

    @Test func featuresDoNotDependOnTheBatch() throws {
        let check = try SafetensorsFile(path: Fixtures.path("models/mnist32-check.safetensors"))
        let (network, images) = (try mnist(), try check.tensor("clean").tensor(of: Float.self))
        let whole = try network.features(images: images)
        for sample in 0..<images.batch {
            let one = try network.features(images: images.samples(sample..<sample + 1))
            #expect(one.elements == whole.samples(sample..<sample + 1).elements)
        }
        #expect(try network.features(images: Tensor(shape: [0, 1, 32, 32])).batch == 0)
    }

    @Test func picturesOfOtherSizesAreRefused() throws {
        let failure = #expect(throws: Failure.self) { try mnist().features(Tensor(shape: [1, 1, 28, 28])) }
        #expect(failure?.status == .data)
        let trunk = PerceptualTrunk(.vgg, weights: HashWeights([]), pool: Self.pool)
        #expect(throws: Failure.self) { try trunk.taps(Tensor(shape: [1, 3, 8, 8])) }
        #expect(throws: Failure.self) { try trunk.taps(Tensor(shape: [1, 1, 32, 32])) }
    }

    // MARK: - Inception

    private func inceptionWeights(_ file: SafetensorsFile) throws -> HashWeights {
        let configuration = try JSONValue(parsing: try #require(file.metadata["config"]))
        let shapes = try #require(configuration["shapes"]?.members)
        return HashWeights(
            try shapes.map { ($0.name, try #require($0.value.elements).map { try #require($0.integer) }) })
    }

    @Test(arguments: InceptionInput.allCases) func inceptionAgreesWithPyTorch(input: InceptionInput) throws {
        let mode =
            [InceptionInput.edm: "nvidia_tf", .pytorchFID: "pytorch_fid", .cleanFID: "clean_bicubic"][input] ?? ""
        let file = try SafetensorsFile(path: Fixtures.path("fid/inception.safetensors"))
        let images = try file.tensor("images").tensor(of: Float.self)

        let prepared = input.prepare(images)
        let sampled = (0..<12).flatMap { plane in
            (0..<13).flatMap { y in (0..<13).map { x in prepared[(plane * 299 + y * 23) * 299 + x * 23] } }
        }
        #expect(relativeError(sampled, try file.tensor("resized/\(mode)").doubles()) < 1e-5)

        let network = try InceptionFeatures(weights: inceptionWeights(file), input: input, pool: Self.pool)
        let features = try network.features(images)
        #expect(features.shape == [4, 2048])
        #expect(relativeError(features.elements, try file.tensor("features/\(mode).f64").doubles()) < 2e-5)
        let alone = try network.features(images.samples(2..<3))
        #expect(alone.elements == features.samples(2..<3).elements)
    }

    @Test func theHashIsTheFixtures() throws {
        let file = try SafetensorsFile(path: Fixtures.path("fid/inception.safetensors"))
        let weights = try inceptionWeights(file)
        for name in file.tensorNames where name.hasPrefix("hash_check/") {
            #expect(try Array(weights.floats(String(name.dropFirst(11))).prefix(16)) == (try file.floats(name)))
        }
    }

    // MARK: - LPIPS

    @Test(arguments: PerceptualTrunk.Architecture.allCases)
    func readsTheWeightsOfLPIPS(architecture: PerceptualTrunk.Architecture) throws {
        let path = Fixtures.path("perceptual/lpips_v0.1/\(architecture.rawValue).pth")
        let weights = try PerceptualWeights(CheckpointFile.open(path))
        #expect(weights.architecture == architecture)
        guard architecture == .vgg else { return }
        let sums = weights.values.map { $0.reduce(0) { $0 + Double($1) } }
        for (sum, expected) in zip(sums, [6.92599, 8.85833, 17.51500, 51.52132, 47.03486]) {
            #expect(abs(sum - expected) < 1e-4)
        }
    }

    @Test func otherWeightsAreRefused() throws {
        let failure = #expect(throws: Failure.self) { try PerceptualWeights(HashWeights([])) }
        #expect(failure?.status == .data)
        let negative = HashWeights([("lin0.model.1.weight", [1, 64, 1, 1])])
        #expect(throws: Failure.self) { try PerceptualWeights(negative) }
    }
}
