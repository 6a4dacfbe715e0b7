import Diagnostics
import Diffusion
import TensorStream
import Tensors

/// Offers a denoiser of ours to another program (`ld3-teacher --serve`): the other side of a foreign denoiser.
package struct DenoiseServer {
    private let denoiser: any Denoiser<Float>
    private let introduction: ModelFrame
    private let select: @Sendable (Condition) throws -> Condition

    /// - Parameters:
    ///   - introduction: the frame by which the denoiser introduces itself.
    ///   - select: returns what the denoiser is given of the condition of a request. Throws `data` if it cannot be given.
    package init(
        _ denoiser: any Denoiser<Float>, introduction: ModelFrame,
        select: @escaping @Sendable (Condition) throws -> Condition = { $0 }
    ) {
        self.denoiser = denoiser
        self.introduction = introduction
        self.select = select
    }

    /// Writes the model frame, then an answer to each request until the end of input. If a request cannot be answered, the answer
    /// holds `ld3.error`, and the conversation ends with the failure.
    package func run(input: Int32, output: Int32) throws {
        try introduction.frame.write(to: output, place: "standard output")
        let reader = FrameReader(descriptor: input, place: "standard input")
        while let frame = try reader.next() {
            do {
                try reader.inFrame { try answer(frame) }.frame.write(to: output, place: "standard output")
            } catch let failure as Failure where failure.status != .readerGone {
                let metadata = ["ld3.format": "1", "ld3.kind": "denoised", "ld3.error": failure.description]
                try Frame(metadata: metadata).write(to: output, place: "standard output")
                throw failure
            }
        }
    }

    private func answer(_ frame: Frame) throws -> DenoiseAnswer {
        let request = try DenoiseRequest(
            frame, sampleShape: denoiser.sampleShape, labelCount: denoiser.labelCount)
        let condition = try select(request.condition)
        guard let cotangent = request.cotangent else {
            let value = try denoiser.denoise(request.x, at: request.times, given: condition)
            return DenoiseAnswer(denoised: value, cotangents: nil)
        }
        guard denoiser.hasPullback else { throw Failure(.data, "the model has no pullback, but a cotangent came") }
        let linearization = try denoiser.linearize(request.x, at: request.times, given: condition)
        return DenoiseAnswer(
            denoised: linearization.value, cotangents: try linearization.pullback(cotangent))
    }
}
