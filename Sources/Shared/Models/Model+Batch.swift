import Diagnostics
import Formats
import Solvers
import TensorStream
import Tensors

extension Model {
    /// The unit noise of a batch. Throws `data` where its shape is not the model's and where it holds NaN or infinity.
    package func noise(of batch: SampleBatch) throws -> Tensor<Float> {
        let shape = try batch.sampleShape("noise")
        guard shape == sampleShape else {
            throw Failure(
                .data, place: batch.part.place,
                "the noise has samples of shape \(shape), the model \(name) wants \(sampleShape)",
                suggestion: "ld3-noise --model takes the shape from the model")
        }
        return Tensor(shape: [batch.count] + shape, elements: try batch.floats("noise"))
    }

    /// The class numbers of a batch, nil where it has none. Throws `data`, naming the seed, where the model has no such
    /// class.
    package func labels(of batch: SampleBatch) throws -> [Int]? {
        guard let labels = batch.labels else { return nil }
        if let row = labels.firstIndex(where: { $0 < -1 || $0 >= labelCount }) {
            let classes = labelCount == 0 ? "no classes" : "the classes 0 to \(labelCount - 1)"
            throw Failure(
                .data, place: batch.part.place,
                "label \(labels[row]) of seed \(batch.seeds[row]): the model \(name) has \(classes)")
        }
        return labels
    }

    /// The solution of every sample of a batch, [B, sample shape].
    package func solve(_ program: StepProgram<Double>, _ batch: SampleBatch) throws -> Tensor<Float> {
        try solve(program, from: noise(of: batch), labels: labels(of: batch), seeds: batch.seeds)
    }

    /// How the solution changes volume at every sample of a batch, [B].
    package func logDeterminants(_ program: StepProgram<Double>, _ batch: SampleBatch) throws -> [Double] {
        try logDeterminants(program, from: noise(of: batch), labels: labels(of: batch), seeds: batch.seeds)
    }
}
