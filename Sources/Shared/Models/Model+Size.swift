import Diagnostics
import Diffusion
import Foreign
import Formats
import TensorStream
import Tensors

extension Model {
    /// Returns the model for samples of `shape`, if it can work on them; else the model as it is, which refuses them
    /// when they come.
    package func resized(to shape: [Int]?) -> Model {
        guard let shape, shape != sampleShape, let resizable = denoiser as? any ResizableDenoiser<Float>,
            let resized = resizable.resized(to: shape), let decoder = decoder.resized(to: shape)
        else { return self }
        return Model(
            identity: identity, process: process, guidance: guidance, denoiser: resized, stepper: stepper,
            decoder: decoder, conditionEncoder: conditionEncoder,
            conditionInputs: conditionInputs, defaultBatch: defaultBatch, weightSet: weightSet,
            remarks: remarks)
    }

    /// Returns what the user should know of the prompts of a part, such as those that are cut, one sentence each.
    package func notes(on part: StreamPart) throws -> [String] {
        guard let conditionEncoder, let text = part.metadata[Key.prompts] else { return [] }
        let negative = part.metadata[Key.negativePrompt].map { [$0] } ?? []
        return try locating(part.place ?? "its input") {
            try conditionEncoder.notes(on: Condition.promptList(text) + negative)
        }
    }

    /// Returns the batch with the tensors that the model's encoder makes and that streams carry, so that no later stage
    /// makes them again. Throws what the encoder throws.
    package func addingConditions(to batch: SampleBatch) throws -> SampleBatch {
        guard let conditionEncoder, batch.count > 0,
            conditionEncoder.written.contains(where: { batch[$0] == nil })
        else { return batch }
        let condition = try condition(of: batch)
        return conditionEncoder.written.reduce(batch) { result, name in
            condition.tensors[name].map { result.setting(NamedTensor(name: name, tensor: $0)) } ?? result
        }
    }
}
