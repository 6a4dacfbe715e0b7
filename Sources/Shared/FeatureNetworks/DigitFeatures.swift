import Diagnostics
import Engine
import Formats
import Networks
import Tensors

/// An embedded classifier of digits. It has four 3x3 convolutions of 16, 32, 64 and 64 channels with ReLU, and a 2x2
/// max-pool before each of the last three. Its taps are the four activations; its feature is the mean over pixels of
/// the last one.
package struct DigitFeatures: FeatureNetwork, TapNetwork {
    package let name: String
    package let featureCount = 64
    package let tapChannels = [16, 32, 64, 64]
    package var channels: Int { imageShape[0] }
    /// [channels, height, width]
    private let imageShape: [Int]

    private let features: CompiledNetwork
    private let tapped: CompiledNetwork
    private let classifier: (weight: [Float], bias: [Float])

    /// - Parameters:
    ///   - weights: `conv1` ... `conv4` and `fc`, each with a weight and a bias.
    ///   - name: the name by which results are labelled.
    ///   - imageShape: [channels, height, width]
    package init(weights: any WeightSource, name: String, imageShape: [Int], pool: ThreadPool) throws {
        self.name = name
        self.imageShape = imageShape
        var builder = NetworkBuilder(weights: weights)
        let image = builder.input(
            MapShape(height: imageShape[1], width: imageShape[2], channels: imageShape[0]))
        var taps: [Value] = []
        for (index, count) in tapChannels.enumerated() {
            let below = taps.last.map { builder.pooling(.maximum, PoolingWindow(size: 2, stride: 2), of: $0) } ?? image
            taps.append(try builder.rectified("conv\(index + 1)", [below], channels: count, Window(3)))
        }
        let mean = builder.globalMean(taps[3])
        features = CompiledNetwork(builder.graph, inputs: [image], outputs: [mean], differentiable: [], pool: pool)
        tapped = CompiledNetwork(builder.graph, inputs: [image], outputs: taps, differentiable: [image], pool: pool)
        classifier = (try weights.floats("fc.weight"), try weights.floats("fc.bias"))
        guard classifier.weight.count == featureCount * classifier.bias.count else {
            throw Failure(.data, "fc.weight and fc.bias do not fit each other")
        }
    }

    package func features(_ levels: Tensor<Float>) throws -> Tensor<Float> {
        try features(images: levels.map { $0 / 127.5 - 1 })
    }

    /// Returns features [B, 64] of images [B, image shape] in [-1, 1].
    package func features(images: Tensor<Float>) throws -> Tensor<Float> {
        try check(images)
        return try features.evaluate([images])[0]
    }

    /// Returns the classifier's logits [B, classes] for features [B, 64].
    package func logits(_ features: Tensor<Float>) -> Tensor<Float> {
        let (classes, source) = (classifier.bias.count, features.elements)
        let logits = (0..<features.batch * classes).map { index in
            let (sample, label) = index.quotientAndRemainder(dividingBy: classes)
            return (0..<featureCount).reduce(classifier.bias[label]) {
                $0 + source[sample * featureCount + $1] * classifier.weight[label * featureCount + $1]
            }
        }
        return Tensor(shape: [features.batch, classes], elements: logits)
    }

    package func taps(_ images: Tensor<Float>) throws -> [Tensor<Float>] {
        try check(images)
        return try tapped.evaluate([images])
    }

    package func linearizedTaps(
        _ images: Tensor<Float>
    ) throws -> (values: [Tensor<Float>], pullback: ([Tensor<Float>]) throws -> Tensor<Float>) {
        try check(images)
        let (values, pullback) = try tapped.linearize([images])
        return (values, { try pullback($0)[0] })
    }

    private func check(_ images: Tensor<Float>) throws {
        guard images.sampleShape == imageShape else {
            throw Failure(
                .data, "\(name) takes pictures of shape \(imageShape), not \(images.sampleShape)",
                suggestion: "choose another feature network")
        }
    }
}
