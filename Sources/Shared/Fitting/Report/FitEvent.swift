import Solvers

/// One update of the parameters, as an optimizer tells of it.
package struct TrainingStep: Sendable, Equatable {
    /// Counted from 1.
    package var number: Int
    package var trainingLoss: Double
    /// Nil if the parameters were not validated, or the validation was given up.
    package var validationLoss: Double?
    /// The least validation loss so far.
    package var best: Double

    package init(number: Int, trainingLoss: Double, validationLoss: Double?, best: Double) {
        self.number = number
        self.trainingLoss = trainingLoss
        self.validationLoss = validationLoss
        self.best = best
    }
}

/// Something that a method tells while it runs.
package enum FitEvent: Sendable {
    case step(TrainingStep)
    /// A pass over the training pairs has ended.
    case pass(number: Int, validationLoss: Double)
    /// The noises stay where they are, although they were to move: the model does not tell their gradients.
    case noisesStay
    /// Training ends early, since there is no way on from the best parameters either.
    case end(reason: String)
}

/// Passes events on and remembers the training steps.
package final class FitLog {
    package private(set) var history: FitHistory
    private let observe: (FitEvent) -> Void

    package init(_ measure: FitHistory.Measure, _ observe: @escaping (FitEvent) -> Void) {
        history = FitHistory(measure)
        self.observe = observe
    }

    package func append(_ event: FitEvent) {
        if case .step(let step) = event { history.append(step) }
        observe(event)
    }

    package func append(_ step: TrainingStep) { append(.step(step)) }
}
