import Diagnostics
import Diffusion
import TensorStream
import Tensors

/// A denoiser in another process, to which we speak in frames over its standard input and output (docs/STREAM.md, "Foreign
/// denoisers"). One request is in flight at a time. A pullback asks again, with the cotangent.
package final class ForeignDenoiser: Denoiser {
    /// The frame in which the process introduced itself.
    package let model: ModelFrame
    private let conversation: SharedConversation

    package var sampleShape: [Int] { model.sampleShape }
    package var labelCount: Int { model.labelCount }
    package var hasPullback: Bool { model.hasPullback }

    /// Takes over a conversation of which the model frame has been read.
    init(_ conversation: sending Conversation, model: ModelFrame) {
        self.model = model
        self.conversation = SharedConversation(conversation)
    }

    package func denoise(_ x: Tensor<Float>, at times: [Double], given condition: Condition) throws -> Tensor<Float> {
        guard x.batch > 0 else { return x }
        return try ask(DenoiseRequest(x: x, times: times, condition: condition)).denoised
    }

    package func linearize(_ x: Tensor<Float>, at times: [Double], given condition: Condition) throws -> Linearization<
        Float
    > {
        let value = try denoise(x, at: times, given: condition)
        return Linearization(value: value) { [self] cotangent in
            guard x.batch > 0 else { return Cotangents(x: x, times: []) }
            let request = DenoiseRequest(x: x, times: times, condition: condition, cotangent: cotangent)
            return try ask(request).cotangents ?? Cotangents(x: x, times: times)
        }
    }

    private func ask(_ request: DenoiseRequest) throws -> DenoiseAnswer {
        try conversation.ask(request.frame) { try DenoiseAnswer($0, to: request) }
    }
}
