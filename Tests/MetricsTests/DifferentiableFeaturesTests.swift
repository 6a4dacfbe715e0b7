import FeatureNetworks
import Metrics
import Networks
import Tensors
import TestSupport
import Testing

@Suite struct DifferentiableFeaturesTests {
    private func numbers(_ shape: [Int], seed: Int64) -> Tensor<Float> {
        Tensor(shape: shape) { GaussianNoise.philox.fill($0, seed: seed) }
    }

    /// The mean over pixels of the last tap and its gradient, on the embedded network's architecture.
    @Test func tapFeatures() throws {
        var shapes: [(name: String, shape: [Int])] = []
        for (layer, (inputs, outputs)) in [(1, 16), (16, 32), (32, 64), (64, 64)].enumerated() {
            shapes.append(("conv\(layer + 1).weight", [outputs, inputs, 3, 3]))
            shapes.append(("conv\(layer + 1).bias", [outputs]))
        }
        shapes += [("fc.weight", [10, 64]), ("fc.bias", [10])]
        let network = try DigitFeatures(
            weights: HashWeights(shapes), name: "mnist32-features", imageShape: [1, 32, 32],
            pool: ThreadPool(threads: 1))
        let features = TapFeatures(network)
        let images = numbers([2, 1, 32, 32], seed: 4)
        let (values, pullback) = try features.linearize(images)
        let expected = try network.features(images: images)
        for (own, other) in zip(values.elements, expected.elements) { #expect(abs(own - Double(other)) < 1e-5) }
        let cotangent: Tensor<Double> = numbers([2, 64], seed: 5).converted()
        let gradient = try pullback(cotangent)
        // Along the gradient itself the slope is the length of the gradient, far above the rounding of single
        // precision.
        let length = gradient.dot(gradient).squareRoot()
        func along(_ step: Double) throws -> Double {
            var moved = images
            moved.add(gradient, times: step / length)
            return try features.linearize(moved).values.dot(cotangent)
        }
        let slope = try (along(0.05) - along(-0.05)) / 0.1
        #expect(abs(length - slope) < 0.02 * slope, "\(length), \(slope)")
    }

    @Test func elementsAreThemselves() throws {
        let samples = numbers([3, 2, 2], seed: 7)
        let (values, pullback) = ElementFeatures<Float>().linearize(samples)
        #expect(values.shape == [3, 4] && values.elements == samples.elements.map { Double($0) })
        #expect(try pullback(values) == samples)
    }
}
