import Diagnostics
import Diffusion
import Foreign
import Formats
import Solvers
import TensorStream
import Tensors

extension Model {
    /// Returns the unit noise of a batch. Throws `data` if its shape is not the model's, and if it holds NaN or infinity.
    package func noise(of batch: SampleBatch) throws -> Tensor<Float> {
        let shape = try batch.sampleShape("noise")
        guard shape == sampleShape else {
            let isMixture = resized(to: shape).sampleShape == shape
            throw Failure(
                .data, place: batch.part.place,
                "the noise has samples of shape \(shape), "
                    + (isMixture
                        ? "after others of \(sampleShape): the samples of a run have one shape"
                        : "the model \(name) wants \(acceptedShapes)"),
                suggestion: isMixture ? "join parts of one shape" : "<ld3-noise:model> takes the shape from the model")
        }
        return Tensor(shape: [batch.count] + shape, elements: try batch.floats("noise"))
    }

    /// Returns what the network is told of the samples of a batch besides x and t.
    ///
    /// Throws `data` if the model has no class of a sample, naming the seed, and if a condition tensor is missing or has not
    /// the shape that the model wants.
    package func condition(of batch: SampleBatch) throws -> Condition {
        let place = batch.part.place ?? "its input"
        let given = try locating(place) {
            try Condition(
                classes: classes(of: batch), tensors: batch.tensors, prompts: batch.part.prompts(),
                negativePrompt: batch.part.metadata[Key.negativePrompt], count: batch.count)
        }
        let encoded = try conditionEncoder?.encode(given, seeds: batch.seeds) ?? given
        return try locating(place) { try conditionInputs.select(encoded) }
    }

    /// Returns what the samples of a batch lack towards which guidance could lead; nil if they have it.
    package func missingGuide(in batch: SampleBatch) -> String? {
        let names = batch.tensors.map(\.name).filter(isConditionTensor)
        guard batch.classes == nil, !names.contains(where: { $0 == promptTensor || $0.hasSuffix(Condition.nullSuffix) })
        else { return nil }
        if let name = names.first(where: { conditionInputs.alternatives[$0] != nil }) {
            return "tensor `\(name)\(Condition.nullSuffix)`"
        }
        return labelCount > 0 ? "labels" : "prompts"
    }

    /// Returns the prompts and the negative prompts of a batch that the model encodes, each once. Throws `data` if they are
    /// not in the part's list.
    package func prompts(of batch: SampleBatch) throws -> (prompts: [Prompt], negative: [Prompt]) {
        guard conditionEncoder != nil, let indices = batch[promptTensor] else { return ([], []) }
        let condition = try locating(batch.part.place ?? "its input") {
            try Condition(
                classes: nil, tensors: [indices], prompts: batch.part.prompts(),
                negativePrompt: guidance == 1 ? nil : batch.part.metadata[Key.negativePrompt], count: batch.count)
        }
        func distinct(_ prompts: [Prompt?]?) -> [Prompt] { Distinct((prompts ?? []).compactMap(\.self)).values }
        return (distinct(condition.prompts), distinct(condition.negativePrompts))
    }

    /// Returns a sentence on each of `prompts` that is too long to be read to its end.
    package func cuts(of prompts: [Prompt]) throws -> [String] { try conditionEncoder?.cuts(of: prompts) ?? [] }

    /// Throws `data`, naming the seed, if the model has no such class.
    private func classes(of batch: SampleBatch) throws -> [Int]? {
        guard let labels = batch.classes else { return nil }
        if let row = labels.firstIndex(where: { $0 < -1 || $0 >= labelCount }) {
            let classes = labelCount == 0 ? "no classes" : "the classes 0 to \(labelCount - 1)"
            throw Failure(
                .data,
                "label \(labels[row]) of seed \(batch.seeds[row]): the model \(name) has \(classes)")
        }
        return labels
    }

    /// Returns the solution of every sample of a batch, [B, target shape].
    package func solve(_ program: StepProgram<Double>, _ batch: SampleBatch) throws -> Tensor<Float> {
        try solve(program, from: noise(of: batch), given: condition(of: batch), seeds: batch.seeds)
    }

    /// Returns the samples of a batch, [B, target shape]. Throws `usage` unless the model is a sampler.
    package func sample(along course: TimeLists, _ batch: SampleBatch) throws -> Tensor<Float> {
        guard let stepper else { throw Failure(.usage, place: "model", "\(name) is no sampler") }
        let input = try samplerInput(of: batch)
        return try stepper.sample(input, times: course.times, modelTimes: course.modelTimes).converted()
    }

    /// Returns the sampler's own loss of each sample to the batch's tensor `target`, [B]; nil if there is no loss or no target.
    package func losses(_ samples: Tensor<Float>, _ batch: SampleBatch) throws -> [Double]? {
        guard let stepper, stepper.hasLoss, batch["target"] != nil else { return nil }
        let elements = try batch.floats("target", sampleShape: targetShape)
        let targets = Tensor<Float>(shape: samples.shape, elements: elements)
        return try stepper.losses(samples.converted(), to: targets.converted(), samplerInput(of: batch))
    }

    private func samplerInput(of batch: SampleBatch) throws -> SamplerInput<Double> {
        SamplerInput(noise: try noise(of: batch).converted(), given: try condition(of: batch), seeds: batch.seeds)
    }

    /// Returns the logarithm of the factor by which the solution changes volume at every sample of a batch, [B].
    package func logDeterminants(_ program: StepProgram<Double>, _ batch: SampleBatch) throws -> [Double] {
        try logDeterminants(program, from: noise(of: batch), given: condition(of: batch), seeds: batch.seeds)
    }
}
