import FeatureNetworks
import Tensors

/// Turns samples into the features that a distance between distributions compares, with their pullback.
package protocol DifferentiableFeatures<Element>: Sendable {
    associatedtype Element: TensorElement

    /// Returns features [B, D] of samples [B, sample shape], and a closure that pulls cotangents [B, D] back to the
    /// samples.
    func linearize(
        _ samples: Tensor<Element>
    ) throws -> (values: Tensor<Double>, pullback: (Tensor<Double>) throws -> Tensor<Element>)
}

/// The sample's own elements as features, for models of few dimensions whose samples are no pictures.
package struct ElementFeatures<Element: TensorElement>: DifferentiableFeatures {
    package init() {}

    package func linearize(
        _ samples: Tensor<Element>
    ) -> (values: Tensor<Double>, pullback: (Tensor<Double>) throws -> Tensor<Element>) {
        let values: Tensor<Double> = samples.converted().reshaped([samples.batch, samples.sampleCount])
        return (values, { $0.converted().reshaped(samples.shape) })
    }
}

/// The mean over pixels of a network's last tap. For the embedded network these are the features of its Fréchet
/// distance.
package struct TapFeatures: DifferentiableFeatures {
    private let network: any TapNetwork

    package init(_ network: any TapNetwork) { self.network = network }

    package func linearize(
        _ samples: Tensor<Float>
    ) throws -> (values: Tensor<Double>, pullback: (Tensor<Double>) throws -> Tensor<Float>) {
        let (taps, pullback) = try network.linearizedTaps(samples)
        let last = taps[taps.count - 1]
        let (batch, channels) = (last.batch, last.shape[1])
        let pixels = last.sampleCount / channels
        let maps = last.reshaped([batch * channels, pixels])
        let means = (0..<batch * channels).map { maps.doubles(sample: $0).reduce(0, +) / Double(pixels) }
        return (
            Tensor(shape: [batch, channels], elements: means),
            { cotangent in
                let shares = cotangent.elements.map { Float($0 / Double(pixels)) }
                let spread = shares.flatMap { [Float](repeating: $0, count: pixels) }
                return try pullback(
                    taps.dropLast().map { Tensor(shape: $0.shape) } + [Tensor(shape: last.shape, elements: spread)])
            }
        )
    }
}
