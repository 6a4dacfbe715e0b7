import Diagnostics
import Tensors

/// Turns latents into pictures, such as the decoder of the autoencoder of a latent diffusion model.
package protocol Decoder<Element>: Sendable {
    associatedtype Element: TensorElement

    var latentShape: [Int] { get }
    var imageShape: [Int] { get }

    /// Returns the pictures [B, image shape] of latents [B, latent shape].
    func decode(_ latents: Tensor<Element>) throws -> Tensor<Element>

    /// Returns the pictures, and a closure that pulls a cotangent of the pictures back to the latents.
    func linearize(_ latents: Tensor<Element>) throws -> Decoding<Element>

    /// Returns the same decoder for latents of another size; nil if it cannot decode them.
    func resized(to latentShape: [Int]) -> (any Decoder<Element>)?
}

extension Decoder {
    package func resized(to latentShape: [Int]) -> (any Decoder<Element>)? { nil }
}

/// Decoded pictures, and the transpose of the decoder's derivative.
package struct Decoding<Element: TensorElement> {
    /// [B, image shape]
    package let images: Tensor<Element>
    /// Returns the cotangent of the latents, [B, latent shape], for one of the pictures, [B, image shape].
    package let pullback: (Tensor<Element>) throws -> Tensor<Element>

    package init(images: Tensor<Element>, pullback: @escaping (Tensor<Element>) throws -> Tensor<Element>) {
        self.images = images
        self.pullback = pullback
    }
}

/// The decoder of a model whose states are pictures already: it changes nothing.
package struct IdentityDecoder<Element: TensorElement>: Decoder {
    package let latentShape: [Int]
    package var imageShape: [Int] { latentShape }

    package init(shape: [Int]) { latentShape = shape }

    package func resized(to latentShape: [Int]) -> (any Decoder<Element>)? { IdentityDecoder(shape: latentShape) }

    package func decode(_ latents: Tensor<Element>) -> Tensor<Element> { latents }

    package func linearize(_ latents: Tensor<Element>) -> Decoding<Element> {
        Decoding(images: latents) { $0 }
    }
}

/// Stands in the place of a decoder if none is at hand. To ask it is a failure of the user's: it throws `usage`.
package struct AbsentDecoder<Element: TensorElement>: Decoder {
    package let latentShape: [Int]
    package var imageShape: [Int] { latentShape }

    package let reason: Reason

    package enum Reason: Sendable {
        /// A model in another process gives latents and keeps its decoder to itself.
        case keptByItsProcess
        /// The model's files hold none.
        case missing
    }

    package init(latentShape: [Int], because reason: Reason) { (self.latentShape, self.reason) = (latentShape, reason) }

    package func resized(to latentShape: [Int]) -> (any Decoder<Element>)? {
        AbsentDecoder(latentShape: latentShape, because: reason)
    }

    package func decode(_ latents: Tensor<Element>) throws -> Tensor<Element> { throw failure }
    package func linearize(_ latents: Tensor<Element>) throws -> Decoding<Element> { throw failure }

    /// The failure of a user who asks for pictures.
    package var failure: Failure {
        switch reason {
        case .keptByItsProcess:
            Failure(
                .usage, place: "model", "gives latents, of which only its own process can make pictures",
                suggestion: "the sample stream can take the latents")
        case .missing:
            Failure(
                .usage, place: "model", "has no decoder, which makes pictures of its latents",
                suggestion: "give the decoder's file with <decoder file>")
        }
    }
}
