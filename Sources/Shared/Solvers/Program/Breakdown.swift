/// A run ended because a number is not finite. Fits take back the step that led there.
package protocol Breakdown: Error, CustomStringConvertible {}

/// A network returned NaN or infinity. Only the executor and a sampler in another process throw this error.
package struct NetworkBreakdown: Breakdown, Equatable, Sendable {
    /// The seed of the sample; nil if the caller gave no seeds.
    package let seed: Int64?
    /// The place of the sample in its batch.
    package let sample: Int
    /// The solver's step, counted from 0.
    package let step: Int
    /// The model time.
    package let time: Double
    /// Whether a gradient of the network was not finite, instead of its output.
    package let isGradient: Bool

    package init(seed: Int64?, sample: Int, step: Int, time: Double, isGradient: Bool) {
        self.seed = seed
        self.sample = sample
        self.step = step
        self.time = time
        self.isGradient = isGradient
    }

    package var description: String {
        let name = seed.map { "seed \($0)" } ?? "sample \(sample)"
        return
            "\(name), step \(step), t = \(time): the network\(isGradient ? "'s gradient has" : " returned") NaN or infinity"
    }
}

/// A state of a solver is not finite, although all that the network returned is. Only the executor throws this error.
package struct SolverBreakdown: Breakdown, Equatable, Sendable {
    /// The seed of the sample; nil if the caller gave no seeds.
    package let seed: Int64?
    /// The place of the sample in its batch.
    package let sample: Int
    /// The solver's step, counted from 0.
    package let step: Int

    package init(seed: Int64?, sample: Int, step: Int) {
        self.seed = seed
        self.sample = sample
        self.step = step
    }

    package var description: String {
        let name = seed.map { "seed \($0)" } ?? "sample \(sample)"
        return "\(name), step \(step): the solver's state is NaN or infinite, though the network's output is not; "
            + "the schedule does not suit the solver"
    }
}
