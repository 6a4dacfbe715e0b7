import Diagnostics
import Diffusion
import Formats
import TensorStream
import Tensors

extension Model {
    /// Returns the pictures of solutions, [B, image shape]. Throws `internal`, naming the seed, if the decoder returns NaN
    /// or infinity.
    package func pictures(_ solutions: Tensor<Float>, seeds: [Int64]) throws -> Tensor<Float> {
        let images = try decoder.decode(solutions)
        guard let bad = images.firstNonFinite() else { return images }
        throw Failure(
            .internal, place: "seed \(seeds[bad / images.sampleCount])",
            "the decoder of \(name) returned NaN or infinity")
    }

    /// Returns the shape of a picture. Throws `usage` if no pictures can be made of solutions.
    package func pictureShape() throws -> [Int] {
        guard var failure = (decoder as? AbsentDecoder<Float>)?.failure else { return decoder.imageShape }
        failure.message = "\(name) \(failure.message)"
        throw failure
    }

    /// Returns a note for a user who does not ask for latents and gets them all the same; nil if samples are pictures.
    /// Throws `usage` if the model's files hold no decoder.
    package func noteOnLatents() throws -> String? {
        guard let absent = decoder as? AbsentDecoder<Float> else { return nil }
        if absent.reason == .missing { _ = try pictureShape() }
        return "the samples are latents: the decoder is in the process of \(name)"
    }

    /// Returns the batch with pictures in the place of the teacher's latents, if it has any: samples are compared as pictures.
    package func decodingTargets(of batch: SampleBatch) throws -> SampleBatch {
        guard isLatent, batch["target"] != nil else { return batch }
        let latents = Tensor<Float>(
            shape: [batch.count] + targetShape, elements: try batch.floats("target", sampleShape: targetShape))
        return batch.setting(NamedTensor(name: "target", tensor: try pictures(latents, seeds: batch.seeds)))
    }
}
