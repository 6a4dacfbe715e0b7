import Diffusion
import Tensors

/// A loss on decoded samples.
package struct Decoded<L: Loss>: Loss {
    package typealias Element = L.Element

    private let decoder: any Decoder<Element>
    private let loss: L

    /// Decodes the targets once.
    ///
    /// - Parameters:
    ///   - targets: [P, latent shape].
    ///   - loss: makes the loss to decoded targets, [P, image shape].
    ///   - batch: the targets that are decoded at once.
    package init(
        _ decoder: some Decoder<Element>, targets: Tensor<Element>, batch: Int,
        loss: (_ images: Tensor<Element>) throws -> L
    ) throws {
        self.decoder = decoder
        let images = try Array(0..<targets.batch).chunks(of: batch).map { try decoder.decode(targets.gather($0)) }
        self.loss = try loss(Tensor.concatenate(images))
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
