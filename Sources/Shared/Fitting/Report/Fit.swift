import Diffusion
import Schedules

/// A schedule found, and how.
package struct Fit: Sendable {
    package var schedule: Schedule
    /// The schedule whose loss `lossAfter` is: `schedule`, or the one before a refit that trained on the validation
    /// pairs.
    package var judged: Schedule
    /// A start for the fit of the next budget.
    package var neighbour: Start
    /// Everything that was rated to start from, best first.
    package var starts: [RatedStart]
    /// The name of the start that the schedule came from, if the method tried several; nil for the best.
    package var startName: String?
    /// The hard loss of the best start, and of `judged`, on the validation pairs' own noises. If Gauss-Newton steps have found
    /// the schedule, the loss is that of the solver in multistep form, which rounds in another way.
    package var lossBefore: Double
    package var lossAfter: Double
    package var history = FitHistory()
    package var work: EvaluationCount
    /// Further results of the method.
    package var details: [FitDetail] = []
    /// Nil unless they were asked for.
    package var samples: FitSamples?

    /// A fit whose schedule is judged and is the next neighbour; its losses are written into the schedule.
    package init(
        _ schedule: Schedule, method: String? = nil, starts: [RatedStart], lossAfter: Double, work: EvaluationCount
    ) {
        var schedule = schedule
        if let method { schedule.method = method }
        schedule.lossBefore = starts[0].loss
        schedule.lossAfter = lossAfter
        self.schedule = schedule
        judged = schedule
        neighbour = Start(name: "neighbour", schedule)
        self.starts = starts
        lossBefore = starts[0].loss
        self.lossAfter = lossAfter
        self.work = work
    }

    /// The value that the details have under `name`.
    package func detail(_ name: String) -> Double? {
        details.lazy.flatMap(\.numbers).first { $0.name == name }?.value
    }
}

/// Something that a method tells of its fit.
package struct FitDetail: Sendable, Equatable {
    package struct Number: Sendable, Equatable {
        package var name: String
        package var value: Double

        package init(name: String, value: Double) { (self.name, self.value) = (name, value) }
    }

    /// The part of the report that the line ends.
    package enum Section: Sendable { case losses, work }

    package var section: Section
    /// One line for people.
    package var text: String
    /// Members of the JSON document.
    package var numbers: [Number]

    package init(section: Section, text: String, numbers: [Number] = []) {
        (self.section, self.text, self.numbers) = (section, text, numbers)
    }
}

/// The course of a fit, for plots.
package struct FitHistory: Sendable, Equatable {
    package struct Point: Sendable, Equatable {
        package var step: Int
        package var value: Double
    }

    /// The quantity of the values.
    package enum Measure: String, Sendable { case loss, score }

    package var measure: Measure
    package var training: [Point] = []
    package var validation: [Point] = []
    package var best: [Point] = []

    package init(_ measure: Measure = .loss) { self.measure = measure }

    package mutating func append(_ step: TrainingStep) {
        training.append(Point(step: step.number, value: step.trainingLoss))
        if let loss = step.validationLoss { validation.append(Point(step: step.number, value: loss)) }
        best.append(Point(step: step.number, value: step.best))
    }
}
