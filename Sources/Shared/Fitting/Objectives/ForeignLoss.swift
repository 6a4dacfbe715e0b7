import Diffusion
import Foreign
import Solvers
import Tensors

/// The loss that a sampler in another process has of its own, such as one that knows the symmetries of its samples.
package struct ForeignLoss: Loss {
    package static let name = "foreign"

    private let stepper: ForeignStepper
    private let pairs: Pairs<Double>

    /// - Parameter pairs: all pairs of a set, whose targets and conditions the loss is told.
    package init(_ stepper: ForeignStepper, to pairs: Pairs<Double>) {
        self.stepper = stepper
        self.pairs = pairs
    }

    package func values(_ samples: Tensor<Double>, pairs indices: [Int]) throws -> [Double] {
        try stepper.losses(samples, to: pairs.targets.gather(indices), input(indices))
    }

    package func gradients(_ samples: Tensor<Double>, pairs indices: [Int]) throws -> LossGradients<Double> {
        let found = try stepper.lossGradients(samples, to: pairs.targets.gather(indices), input(indices))
        return LossGradients(values: found.values, samples: found.samples)
    }

    private func input(_ indices: [Int]) -> SamplerInput<Double> {
        SamplerInput(
            noise: pairs.noise.gather(indices), given: pairs.condition.rows(indices),
            seeds: indices.map { pairs.seeds[$0] })
    }
}
