import Diagnostics

/// A run ended because a number is not finite. Fits take back the step that led there.
package protocol Breakdown: Error, CustomStringConvertible {
    var place: BreakdownPlace { get }
    /// The exit status of a program that it ends.
    var status: ExitStatus { get }
}

/// The place of a run at which a number is not finite.
package struct BreakdownPlace: Equatable, Sendable, CustomStringConvertible {
    /// The seed of the sample; nil if the caller gave no seeds.
    package let seed: Int64?
    /// The place of the sample in its batch.
    package let sample: Int
    /// The solver's step, counted from 0.
    package let step: Int

    package var description: String { (seed.map { "seed \($0)" } ?? "sample \(sample)") + ", step \(step)" }
}

/// A network returned NaN or infinity. Only the executor and a sampler in another process throw this error.
package struct NetworkBreakdown: Breakdown, Equatable, Sendable {
    package let place: BreakdownPlace
    /// The model time.
    package let time: Double
    /// Whether a gradient of the network was not finite, instead of its output.
    package let isGradient: Bool

    package init(seed: Int64?, sample: Int, step: Int, time: Double, isGradient: Bool) {
        place = BreakdownPlace(seed: seed, sample: sample, step: step)
        self.time = time
        self.isGradient = isGradient
    }

    package var status: ExitStatus { .internal }

    package var description: String {
        "\(place), t = \(time): the network\(isGradient ? "'s gradient has" : " returned") NaN or infinity"
    }
}

/// A state of a solver is not finite, although all that the network returned is. Only the executor throws this error.
package struct SolverBreakdown: Breakdown, Equatable, Sendable {
    package let place: BreakdownPlace

    package init(seed: Int64?, sample: Int, step: Int) {
        place = BreakdownPlace(seed: seed, sample: sample, step: step)
    }

    package var status: ExitStatus { .data }

    package var description: String {
        "\(place): the solver's state is NaN or infinite, though the network's output is not; "
            + "the schedule does not suit the solver"
    }
}
