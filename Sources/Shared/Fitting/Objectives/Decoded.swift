import Diffusion
import Tensors

/// A loss on decoded samples.
package struct Decoded<L: Loss>: Loss {
    package typealias Element = L.Element

    private let decoder: any Decoder<Element>
    private let loss: L

    /// - Parameter loss: the loss to decoded targets, [P, image shape].
    package init(_ decoder: some Decoder<Element>, _ loss: L) {
        self.decoder = decoder
        self.loss = loss
    }

    package func values(_ samples: Tensor<Element>, pairs: [Int]) throws -> [Double] {
        try loss.values(decoder.decode(samples), pairs: pairs)
    }

    package func gradients(_ samples: Tensor<Element>, pairs: [Int]) throws -> LossGradients<Element> {
        let decoding = try decoder.linearize(samples)
        let gradients = try loss.gradients(decoding.images, pairs: pairs)
        return LossGradients(values: gradients.values, samples: try decoding.pullback(gradients.samples))
    }
}
