import Networks
import Tensors

/// Numbers that stand for samples in a distance between distributions, with their pullback.
package protocol DifferentiableFeatures<Element>: Sendable {
    associatedtype Element: TensorElement

    /// Features [B, D] of samples [B, sample shape], and what takes cotangents of them [B, D] back to the samples.
    func linearize(
        _ samples: Tensor<Element>
    ) throws -> (values: Tensor<Double>, pullback: (Tensor<Double>) throws -> Tensor<Element>)
}

/// The sample's own elements: for models of few dimensions, whose samples are no pictures.
package struct ElementFeatures<Element: TensorElement>: DifferentiableFeatures {
    package init() {}

    package func linearize(
        _ samples: Tensor<Element>
    ) -> (values: Tensor<Double>, pullback: (Tensor<Double>) throws -> Tensor<Element>) {
        let values: Tensor<Double> = samples.converted().reshaped([samples.batch, samples.sampleCount])
        return (values, { $0.converted().reshaped(samples.shape) })
    }
}

/// The mean over pixels of a network's last tap; of the embedded network these are the features of its Fréchet distance.
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
        let values = Tensor<Double>(shape: [batch, channels]) { target in
            last.withElements { source in
                for index in target.indices {
                    let row = source[index * pixels..<(index + 1) * pixels]
                    target[index] = row.reduce(0.0) { $0 + Double($1) } / Double(pixels)
                }
            }
        }
        return (
            values,
            { cotangent in
                let spread = Tensor<Float>(shape: last.shape) { target in
                    cotangent.withElements { source in
                        for index in target.indices { target[index] = Float(source[index / pixels] / Double(pixels)) }
                    }
                }
                return try pullback(taps.dropLast().map { Tensor(shape: $0.shape) } + [spread])
            }
        )
    }
}
