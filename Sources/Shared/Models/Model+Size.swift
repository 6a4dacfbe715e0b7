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
            parts: parts, precision: precision, remarks: remarks)
    }

    /// Throws `usage` if the model cannot work on samples of `shape`.
    package func check(_ shape: [Int]) throws {
        guard resized(to: shape).sampleShape != shape else { return }
        throw Failure(.usage, "the model \(name) works on samples of \(acceptedShapes), not of \(shape)")
    }

    /// Throws `usage` if the model cannot be told one of so many classes. One that is told nothing at all passes them on.
    package func check(classes: Int) throws {
        guard classes > labelCount, labelCount > 0 || conditionInputs.takesPrompts && conditionEncoder != nil else {
            return
        }
        throw Failure(
            .usage,
            "the model \(name) has " + (labelCount == 0 ? "no classes" : "\(labelCount) classes, not \(classes)"),
            suggestion: labelCount == 0 ? "it reads prompts" : nil)
    }

    /// The shapes of samples on which the model can work, in words.
    var acceptedShapes: String { (denoiser as? any ResizableDenoiser<Float>)?.acceptedShapes ?? "\(sampleShape)" }

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
