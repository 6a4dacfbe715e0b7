import Diagnostics
import Diffusion
import Schedules
import Solvers
import Tensors

/// One schedule to be found: a solver with its number of steps, a model, and pairs to train on and to validate with.
///
/// The methods of the other files (LD3, generalized solvers, heuristics and the published baselines) all start here and
/// end in a `Fit`.
package struct FitProblem<Element: TensorElement>: Sendable {
    package let denoiser: CountingDenoiser<Element>
    package let process: NoiseProcess
    package let solver: Solver
    package let steps: Int
    package var train: FittingSet<Element>
    package var validation: FittingSet<Element>
    package var mode: Parameterization.Mode
    package var isTied = false
    package var windowRate = 0.5
    /// DEF-1: the window as the official code takes it.
    package var windowOfLogits = false
    /// The sum rule for learned coefficients (M13.3).
    package var keepsSums = false
    /// Whether learned coefficients may begin as another solver's.
    package var triesOtherSolvers = true
    package var policy = ActivationPolicy.keep
    package var savings = WorkSavings.all
    package var batch = 16
    /// The discretizations to start from, as far as they make sense for the process.
    package var heuristics: [Discretization] = [
        .uniform, .quadratic, .polynomial(rho: 3), .edm, .edmTime, .logSNR, .arctan(deviation: 0.5),
    ]
    /// Whether GITS on a few noises is a start too.
    package var triesGITS = true
    /// Schedules to start from besides the heuristics, such as that of the next smaller budget.
    package var starts: [Candidate] = []

    package init(
        denoiser: CountingDenoiser<Element>, process: NoiseProcess, solver: Solver, steps: Int,
        train: FittingSet<Element>, validation: FittingSet<Element>
    ) {
        self.denoiser = denoiser
        self.process = process
        self.solver = solver
        self.steps = steps
        self.train = train
        self.validation = validation
        mode = Self.usualMode(process)
        heuristics += published
    }

    /// Lambda on EDM's process, time on the others (M5.2), as the paper has it.
    package static func usualMode(_ process: NoiseProcess) -> Parameterization.Mode {
        if case .edm = process { return .lambda }
        return .time
    }

    package var evaluations: Int { solver.evaluations(steps: steps) }

    package var family: TimesFamily {
        var parameterization = Parameterization(process: process, steps: steps, mode: mode)
        parameterization.windowRate = windowRate
        parameterization.windowOfLogits = windowOfLogits
        return TimesFamily(solver: solver, parameterization: parameterization, isTied: isTied)
    }

    /// Computes D(x_T; T) of the validation pairs, and of the training pairs where a method asks for them, once for every
    /// number of steps (M5.12 R2). The analytic first step does without.
    package mutating func keepFirstOutputs(ofTraining: Bool = true) throws {
        guard savings.contains(.firstEvaluation), !solver.options.contains(.analyticFirst) else { return }
        let asked = denoiser.thresholded(if: solver.options.contains(.thresholding))
        func outputs(_ set: FittingSet<Element>) throws -> Tensor<Element> {
            try set.firstOutputs
                ?? set.firstOutputs(asked, at: process.start, startScale: process.priorScale, batch: batch)
        }
        if ofTraining { train.firstOutputs = try outputs(train) }
        validation.firstOutputs = try outputs(validation)
    }

    /// Whether a heuristic or a given start makes sense for the process and number of steps.
    package var hasCandidates: Bool { !candidates().isEmpty }

    package func student<Family: ProgramFamily>(_ family: Family) -> Student<Element, Family> {
        var student = Student(denoiser, family: family, startScale: process.priorScale)
        student.policy = policy
        student.savings = savings
        student.batch = batch
        return student
    }

    /// The mean loss of a program on a set's own noises.
    package func hardLoss(_ program: StepProgram<Double>, on set: FittingSet<Element>) throws -> Double {
        mean(try student(family).losses(program, set.hard) ?? [])
    }

    /// The hard validation loss of a schedule's times alone: the network asked at them, by the solver's own coefficients.
    /// Nil where the schedule has nothing else, or times of each evaluation, or where the network breaks down.
    package func tiedLoss(_ schedule: Schedule) throws -> Double? {
        guard !schedule.isTied || schedule.coefficients != nil, schedule.steps == steps else { return nil }
        return try whereFinite {
            try hardLoss(solver.program(process: process, times: schedule.times), on: validation)
        }
    }
}

/// A schedule that a fit may start from.
package struct Candidate: Sendable, Equatable {
    package var name: String
    package var times: [Double]
    package var modelTimes: [Double]?

    package init(name: String, times: [Double], modelTimes: [Double]? = nil) {
        self.name = name
        self.times = times
        self.modelTimes = modelTimes
    }

    /// With the ends that every fit's schedules have: those of the process.
    package func spanning(_ process: NoiseProcess) -> Candidate {
        func pinned(_ times: [Double]) -> [Double] { [process.start] + times.dropFirst().dropLast() + [process.end] }
        return Candidate(name: name, times: pinned(times), modelTimes: modelTimes.map(pinned))
    }

    /// The schedule of another number of steps, by linear interpolation of lambda over i / N (M5.9), of t where lambda
    /// is infinite.
    package init(_ name: String, interpolating times: [Double], steps: Int, process: NoiseProcess) {
        let isFinite = process.hasFiniteLogSNR
        let levels = times.map { isFinite ? process.lambda($0) : $0 }
        var result = (0...steps).map { index in
            let place = Double(index) * Double(times.count - 1) / Double(steps)
            let lower = min(Int(place), times.count - 2)
            let level = levels[lower] + (place - Double(lower)) * (levels[lower + 1] - levels[lower])
            return isFinite ? process.time(lambda: level) : level
        }
        result[0] = process.start
        result[steps] = process.end
        self.init(name: name, times: result)
    }
}

/// A candidate with its hard losses on the first validation pairs: fewer than all where it had lost by then.
package struct RatedCandidate: Sendable, Equatable {
    package let candidate: Candidate
    package let losses: [Double]

    package init(candidate: Candidate, losses: [Double]) {
        self.candidate = candidate
        self.losses = losses
    }

    package var loss: Double { mean(losses) }
    package var pairs: Int { losses.count }

    /// Whether the mean difference from the leader's losses of the same pairs is more than three times its standard error
    /// (of eight normal differences around zero, once in a hundred times). The pairs' own difficulty, by far the larger part
    /// of a loss' variation, is not in it.
    package func isClearlyBehind(_ leader: RatedCandidate) -> Bool {
        guard loss.isFinite else { return true }
        let differences = zip(losses, leader.losses).map { $0 - $1 }
        let middle = mean(differences)
        let squares = differences.reduce(0) { $0 + ($1 - middle) * ($1 - middle) }
        let count = Double(differences.count)
        return middle > 3 * (squares / (count - 1) / count).squareRoot()
    }
}

/// A schedule found, and how.
package struct Fit: Sendable {
    package var schedule: Schedule
    /// For a method that ends with a refit on all pairs: the schedule that no validation pair has trained.
    package var beforeRefit: Schedule?
    /// Where the next budget's fit may start too: the steps' times and the network's, before a refit. Nil where these are
    /// the schedule's.
    package var neighbour: Candidate?
    /// Everything that was rated to start from, best first.
    package var candidates: [RatedCandidate]
    /// The one that the schedule came from, for a method that tries several; nil is the best of them.
    package var start: String?
    /// Hard losses on the validation pairs' own noises: of the best candidate, and of the schedule, before a refit. Where
    /// Gauss-Newton steps have found it, of the same solver in multistep form, which rounds otherwise.
    package var lossBefore: Double
    package var lossAfter: Double
    /// The hard loss of the schedule's times alone (`FitProblem.tiedLoss`); nil where it was not asked for.
    package var tiedLoss: Double?
    /// Of the start and of the schedule, for a method with a score of its own.
    package var score: Score?
    /// Training and validation losses by training step.
    package var history = FitHistory()
    /// Work of this fit.
    package var work = EvaluationCount()
    /// What the official trainer would have needed, for LD3.
    package var officialWork: EvaluationCount?

    package struct Score: Sendable, Equatable {
        package var before: Double
        package var after: Double
    }
}

/// The course of a fit, for plots.
package struct FitHistory: Sendable, Equatable {
    package struct Point: Sendable, Equatable {
        package var iteration: Int
        package var loss: Double
    }

    package var training: [Point] = []
    package var validation: [Point] = []
    package var best: [Point] = []

    package init() {}

    package mutating func append(_ event: LD3Event) {
        guard case .iteration(let number, let trainingLoss, let validationLoss, let bestLoss) = event else { return }
        training.append(Point(iteration: number, loss: trainingLoss))
        if let validationLoss { validation.append(Point(iteration: number, loss: validationLoss)) }
        best.append(Point(iteration: number, loss: bestLoss))
    }
}
