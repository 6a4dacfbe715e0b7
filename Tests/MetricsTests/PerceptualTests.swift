import Checkpoints
import Diagnostics
import FeatureNetworks
import Formats
import Metrics
import Networks
import Tensors
import TestSupport
import Testing

@Suite struct PerceptualTests {
    private static let pool = ThreadPool(threads: 2)

    private func check(
        _ architecture: PerceptualTrunk.Architecture, _ shapes: [(name: String, shape: [Int])], gradient: Double,
        size: Int, _ file: SafetensorsFile
    ) throws {
        let net = architecture.rawValue
        let trunk = HashWeights(shapes)
        let sums = try file.tensor("trunk_sum/\(net)").doubles()
        for (name, sum) in zip(trunk.tensorNames, sums) {
            let own = try trunk.floats(name).reduce(0) { $0 + Double($1) }
            #expect(abs(own - sum) <= 1e-9 * max(1, abs(sum)), "\(name)")
        }
        let linear = try PerceptualWeights(
            CheckpointFile.open(Fixtures.path("perceptual/lpips_v0.1/\(net).pth")))
        let distance = try PerceptualDistance(
            PerceptualTrunk(architecture, weights: trunk, pool: Self.pool),
            targets: file.tensor("img0_\(size)").tensor(),
            weights: linear.values)
        let images = try file.tensor("img1_\(size)").tensor(of: Float.self)
        let pairs = Array(0..<images.batch)
        let byTap = try distance.valuesByTap(images, pairs: pairs)
        let expected = try file.tensor("\(net)/\(size)/per_layer.f64").doubles()
        #expect(relativeError(byTap.joined().map { Float($0) }, expected) < 1e-5)
        let (values, gradients) = try distance.gradients(images, pairs: pairs)
        let totals = try file.tensor("\(net)/\(size)/distance.f64").doubles()
        #expect(relativeError(values.map { Float($0) }, totals) < 1e-5)
        let slopes = try file.tensor("\(net)/\(size)/grad_img1").doubles()
        #expect(relativeError(gradients.elements, slopes) < gradient)
    }

    @Test(arguments: PerceptualTrunk.Architecture.allCases)
    func agreesWithLPIPS(architecture: PerceptualTrunk.Architecture) throws {
        let size = 64
        let file = try SafetensorsFile(path: Fixtures.path("perceptual/lpips_\(size).safetensors"))
        switch architecture {
        case .alex: try check(.alex, TrunkShapes.alex, gradient: 5e-5, size: size, file)
        case .squeeze: try check(.squeeze, TrunkShapes.squeeze, gradient: 2e-4, size: size, file)
        case .vgg: try check(.vgg, TrunkShapes.vgg, gradient: 5e-5, size: size, file)
        }
    }

    // MARK: - The embedded network

    private func mnist() throws -> DigitFeatures {
        let path = "\(Fixtures.root)/Sources/Shared/Models/Resources/mnist32-features.safetensors"
        return try DigitFeatures(
            weights: SafetensorsFile(path: path), name: "mnist32-features", imageShape: [1, 32, 32], pool: Self.pool)
    }

    private func digits() throws -> Tensor<Float> {
        try SafetensorsFile(path: Fixtures.path("models/mnist32-check.safetensors")).tensor("clean").tensor()
    }

    /// Returns digits whose black pixels differ. Max-pools of equal pixels have no slope.
    private func roughDigits() throws -> Tensor<Float> {
        let digits = try digits()
        return Tensor(
            shape: digits.shape,
            elements: digits.elements.enumerated().map { $0.element + Float(($0.offset * 7919) % 1009) / 5000 })
    }

    @Test func isADistance() throws {
        let (network, images) = (try mnist(), try digits())
        let own = try PerceptualDistance(network, targets: images)
        #expect(try own.values(images, pairs: [0, 1, 2, 3]) == [0, 0, 0, 0])
        let there = try own.values(images, pairs: [1, 2, 3, 0])
        let back = try own.values(images.gather([1, 2, 3, 0]), pairs: [0, 1, 2, 3])
        for (one, other) in zip(there, back) { #expect(one > 0.01 && abs(one - other) < 1e-6 * one) }
    }

    @Test func sampleByItself() throws {
        let images = try digits()
        let distance = try PerceptualDistance(mnist(), targets: images)
        let whole = try distance.gradients(images, pairs: [1, 2, 3, 0])
        for sample in 0..<4 {
            let alone = try distance.gradients(images.samples(sample..<sample + 1), pairs: [(sample + 1) % 4])
            #expect(alone.values == [whole.values[sample]])
            #expect(alone.images.elements == whole.images.samples(sample..<sample + 1).elements)
        }
    }

    @Test func gradientIsTheSlope() throws {
        let images = try roughDigits()
        let distance = try PerceptualDistance(mnist(), targets: images)
        let pairs = [1, 2, 3, 0]
        let gradients = try distance.gradients(images, pairs: pairs).images
        let step: Float = 5e-4
        // Along the gradient itself the slope is the length of the gradient.
        for sample in 0..<4 {
            let gradient = gradients.samples(sample..<sample + 1)
            let length = gradient.elements.reduce(0) { $0 + $1 * $1 }.squareRoot()
            func value(_ shift: Float) throws -> Double {
                let moved = Tensor<Float>(
                    shape: gradient.shape,
                    elements: zip(images.samples(sample..<sample + 1).elements, gradient.elements).map {
                        $0 + shift * $1 / length
                    })
                return try distance.values(moved, pairs: [pairs[sample]])[0]
            }
            let slope = (try value(step) - value(-step)) / Double(2 * step)
            #expect(abs(slope - Double(length)) < 0.02 * Double(length), "\(slope) \(length)")
        }
    }

    @Test func weightsOfOtherTapsAreRefused() throws {
        #expect(throws: Failure.self) {
            try PerceptualDistance(mnist(), targets: digits(), weights: [[1], [1]])
        }
    }
}
