import Diagnostics
import Diffusion
import Fitting
import Models
import TensorStream
import Tensors

extension Pairs<Float> {
    /// Every pair of a stream. Throws `data`, naming the seed, if one comes twice or does not fit the model.
    package init(_ parts: [SampleBatch], model: Model) throws {
        let batches = parts.filter { $0.count > 0 }
        guard let first = batches.first else { throw Failure(.data, place: parts.first?.part.place, "holds no pairs") }
        let seeds = batches.flatMap(\.seeds)
        var seen: Set<Int64> = []
        for seed in seeds where !seen.insert(seed).inserted {
            throw Failure(.data, place: first.part.place, "seed \(seed) comes twice")
        }
        let noises = try batches.map { try model.noise(of: $0) }
        let targets = try batches.map { batch in
            Tensor(
                shape: [batch.count] + model.targetShape,
                elements: try batch.floats("target", sampleShape: model.targetShape))
        }
        self.init(
            seeds: seeds,
            condition: try .concatenate(try batches.map { try model.condition(of: $0) }, counts: batches.map(\.count)),
            noise: Tensor.concatenate(noises), targets: Tensor.concatenate(targets))
    }
}
