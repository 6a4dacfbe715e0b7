import Diffusion
import Schedules
import Solvers
import Tensors

/// One schedule to be found: a budget, a model, and pairs to train on and to validate with. Every `FitMethod` starts
/// here.
package struct FitProblem<Element: TensorElement>: Sendable {
    /// The denoiser. If `sampler` is set, this is a placeholder that only counts evaluations.
    package let denoiser: CountingDenoiser<Element>
    /// The sampler that is fitted in the place of the denoiser with a solver, if any.
    package let sampler: FitSampler<Element>?
    package let process: NoiseProcess
    package let budget: Budget
    package var train: FittingSet<Element>
    package var validation: FittingSet<Element>
    package var starts: StartChoice
    package var resources = FitResources()
    /// Whether pairs are latents. Starts and LD3's settings are then others.
    package let isLatent: Bool

    package init(
        denoiser: CountingDenoiser<Element>, sampler: FitSampler<Element>? = nil, process: NoiseProcess, budget: Budget,
        train: FittingSet<Element>, validation: FittingSet<Element>, isLatent: Bool = false
    ) {
        self.sampler = sampler
        self.denoiser = denoiser
        self.process = process
        self.budget = budget
        self.train = train
        self.validation = validation
        self.isLatent = isLatent
        starts = StartChoice(process, budget.solver, isLatent: isLatent)
        if sampler != nil { starts.triesGITS = false }
    }

    package var solver: Solver { budget.solver }
    package var steps: Int { budget.steps }

    package var pairSolver: PairSolver<Element> {
        var solver = PairSolver(denoiser, startScale: process.priorScale, resources: resources)
        solver.sampler = sampler
        return solver
    }

    package func student<Family: ProgramFamily>(_ family: Family) -> Student<Element, Family> {
        Student(pairSolver, family: family)
    }

    /// The work of the network so far.
    package var work: EvaluationCount { denoiser.counter.count }

    /// Computes D(x_T; T) of the pairs that `solved` names, once for every number of steps. An analytic first step
    /// needs none. The validation pairs' are computed always, since the starts are rated on them.
    package mutating func keepFirstOutputs(of solved: SolvedPairs = .all) throws {
        guard sampler == nil, resources.savings.contains(.firstEvaluation), !solver.options.contains(.analyticFirst)
        else { return }
        let asked = denoiser.thresholded(if: solver.options.contains(.thresholding))
        func outputs(_ set: FittingSet<Element>) throws -> Tensor<Element> {
            try set.firstOutputs
                ?? set.firstOutputs(
                    asked, at: process.start, startScale: process.priorScale, batch: resources.batch)
        }
        if solved == .all { train.firstOutputs = try outputs(train) }
        validation.firstOutputs = try outputs(validation)
    }

    /// Returns the mean loss of a program on the set's own noises. Throws `NetworkBreakdown`.
    package func hardLoss(_ program: StepProgram<Double>, on set: FittingSet<Element>) throws -> Double {
        try hardLoss(.program(program), on: set)
    }

    /// Returns the mean loss along a course on the set's own noises. Throws `NetworkBreakdown`.
    package func hardLoss(_ course: Course, on set: FittingSet<Element>) throws -> Double {
        mean(try pairSolver.losses(course, set.hard) ?? [])
    }

    /// Returns what runs along the times of a schedule: the sampler, or the schedule's solver.
    package func course(_ schedule: Schedule) throws -> Course {
        guard sampler == nil else {
            return .times(TimeLists(times: schedule.times, modelTimes: schedule.modelTimes))
        }
        return .program(try schedule.program())
    }

    /// Returns what runs along the times of a start.
    package func course(_ start: Start) throws -> Course {
        guard sampler == nil else { return .times(TimeLists(times: start.times, modelTimes: start.modelTimes)) }
        return .program(
            try solver.program(process: process, times: start.times, modelTimes: start.modelTimes ?? start.times))
    }

    /// Returns the mean loss of a program on the validation pairs' own noises, infinity if the network breaks down.
    package func validationLoss(_ program: StepProgram<Double>) throws -> Double {
        try unlessBroken { try hardLoss(program, on: validation) } ?? .infinity
    }

    /// Returns the hard validation loss of the schedule's times alone: the model times are then the times, and the
    /// coefficients the solver's own. Returns nil if the schedule has neither model times nor coefficients of its own, if it
    /// lists a time for each evaluation, or if the network breaks down.
    package func tiedLoss(_ schedule: Schedule) throws -> Double? {
        guard !schedule.isTied || schedule.coefficients != nil, schedule.steps == steps else { return nil }
        return try unlessBroken {
            try hardLoss(course(Start(name: "tied", times: schedule.times)), on: validation)
        }
    }
}

/// How a fit computes. None of it changes a result.
package struct FitResources: Sendable {
    package var policy = ActivationPolicy.keep
    package var savings = WorkSavings.all
    /// The samples that one call of the network takes at most.
    package var batch = 16

    package init() {}
}

/// The pairs that a method solves from x_T along programs of its own.
package enum SolvedPairs: Sendable {
    case none
    case validation
    case all
}

/// Returns what `body` returns, or nil if the network or the solver breaks down on the way.
package func unlessBroken<Result>(_ body: () throws -> Result) throws -> Result? {
    do {
        return try body()
    } catch is any Breakdown {
        return nil
    }
}

package func mean(_ values: [Double]) -> Double {
    values.isEmpty ? .infinity : values.reduce(0, +) / Double(values.count)
}

extension Array {
    /// Consecutive pieces of at most `size` elements.
    package func chunks(of size: Int) -> [[Element]] {
        stride(from: 0, to: count, by: Swift.max(size, 1)).map { Array(self[$0..<Swift.min($0 + size, count)]) }
    }
}
