import Commands
import Diagnostics
import Diffusion
import Fitting
import Models
import Schedules
import Solvers
import TensorStream
import Tensors

/// The fits of one run, in the precision of its denoiser.
struct FitSession<Element: TensorElement> {
    private let arguments: Arguments
    private let model: Model
    private let denoiser: CountingDenoiser<Element>
    private let train: FittingSet<Element>
    private let validation: FittingSet<Element>
    private let policy: ActivationPolicy

    init(
        _ arguments: Arguments, model: Model, denoiser: some Denoiser<Element>, train: Pairs<Element>,
        validation: Pairs<Element>
    ) throws {
        self.arguments = arguments
        self.model = model
        self.denoiser = CountingDenoiser(denoiser, counter: EvaluationCounter())
        self.train = FittingSet(train, loss: try arguments.loss(for: train.targets, model: model))
        self.validation = FittingSet(validation, loss: try arguments.loss(for: validation.targets, model: model))
        policy = try arguments.activationPolicy(
            denoiser, at: model.process.start, given: train.condition.rows([0]))
    }

    /// The fits of every plan, each starting from its neighbour's schedule too; `done` is told of each.
    func fits(_ plans: [(solver: Solver, steps: Int)], done: (Fit) throws -> Void) throws -> [Fit] {
        var (train, validation) = (train, validation)
        var fits: [Fit] = []
        for plan in plans {
            var problem = FitProblem(
                denoiser: denoiser, process: model.process, solver: plan.solver, steps: plan.steps, train: train,
                validation: validation)
            try configure(&problem)
            problem.starts = try starts(plan, after: fits.last)
            try checkHeuristics(problem)
            let before = denoiser.counter.count
            try problem.keepFirstOutputs(ofTraining: trains())
            let firstOutputs = denoiser.counter.count - before
            (train, validation) = (problem.train, problem.validation)
            var fit = try solve(problem)
            if try solvesPairs() { fit.work = fit.work + firstOutputs }
            fit.schedule.loss = try arguments.string("loss")
            fit.schedule.model = model.name
            fit.schedule.modelDigest = model.sha256
            if arguments.isGiven("export") {
                // Beside a loss after the fit, which is that before a refit.
                fit.tiedLoss = try problem.tiedLoss(fit.beforeRefit ?? fit.schedule)
            }
            fits.append(fit)
            try done(fit)
        }
        return fits
    }

    private func configure(_ problem: inout FitProblem<Element>) throws {
        if arguments.isGiven("mode") { problem.mode = try mode() }
        problem.isTied = arguments.flag("tied")
        if let window = try arguments.doubleIfGiven("window", in: 0...0.5) { problem.windowRate = window }
        problem.windowOfLogits = arguments.flag("compat-window")
        problem.keepsSums = arguments.flag("sum-rule")
        problem.triesOtherSolvers = !arguments.flag("own-coefficients")
        problem.savings = try arguments.savings()
        problem.batch = try arguments.batch() ?? min(model.defaultBatch, 16)
        problem.policy = policy
        if let heuristics = try arguments.heuristics() {
            problem.heuristics = heuristics
            problem.triesGITS = false
        }
    }

    /// Whether the method solves the training pairs.
    private func trains() throws -> Bool {
        let method: FitMethod = try arguments.choice("method")
        return try [.ld3, .ggdm].contains(method) || arguments.learnedParts() != nil
    }

    /// Whether the method's own solves, and not its rating's alone, start from what `keepFirstOutputs` has computed.
    private func solvesPairs() throws -> Bool {
        let method: FitMethod = try arguments.choice("method")
        return try trains() || [.heuristic, .ays].contains(method)
    }

    private func checkHeuristics(_ problem: FitProblem<Element>) throws {
        guard arguments.isGiven("heuristics"), !problem.hasCandidates else { return }
        throw Failure(
            .usage, place: "--heuristics",
            "gives no falling times of \(model.process.spelling) for \(problem.steps) steps",
            suggestion: "leave it out for all that make sense")
    }

    private func mode() throws -> Parameterization.Mode {
        let mode: Parameterization.Mode = try arguments.choice("mode")
        guard mode == .time || model.process.hasFiniteLogSNR else {
            throw Failure(
                .usage, place: "--mode lambda",
                "needs a finite log-SNR at both ends, which \(model.process.spelling) lacks", suggestion: "use time")
        }
        return mode
    }

    /// Schedules to start from besides the heuristics: those of --start, and that of the budget before (M5.9).
    private func starts(_ plan: (solver: Solver, steps: Int), after last: Fit?) throws -> [Candidate] {
        var given: [Candidate] = []
        for path in arguments.strings("start") {
            let stream = try StreamReader.file(path, .schedule)
            while let (frame, _) = try stream.next() {
                let schedule = try locating(path) { () -> Schedule in
                    let schedule = try Schedule(frame: frame, process: model.process)
                    try schedule.check(isFor: model.process)
                    return schedule
                }
                given.append(Candidate(name: path, times: schedule.times, modelTimes: schedule.modelTimes))
            }
        }
        if let last {
            let schedule = last.schedule
            given.append(
                last.neighbour
                    ?? Candidate(name: "neighbour", times: schedule.times, modelTimes: schedule.modelTimes))
        }
        return given.map { candidate in
            let start = candidate.spanning(model.process)
            return start.times.count == plan.steps + 1
                ? start
                : Candidate(start.name, interpolating: start.times, steps: plan.steps, process: model.process)
        }
    }

    private func solve(_ problem: FitProblem<Element>) throws -> Fit {
        let method: FitMethod = try arguments.choice("method")
        let progress = Progress(
            arguments.reporter, "fitting \(problem.solver.name), NFE \(problem.evaluations)", unit: "steps", total: nil)
        defer { progress.finish() }
        func observe(_ event: LD3Event) {
            let measure = method == .ggdm ? "score" : "loss"
            switch event {
            case .iteration(_, _, _, let best): progress.advance(by: 1, "validation \(measure) \(best)")
            case .round: break
            case .end(let failure): arguments.reporter.note("training ends early: \(failure)")
            }
        }
        let parts = try arguments.learnedParts()
        if let parts, method != .ggdm {
            return try problem.generalized(
                try arguments.gaussNewtonSettings(), learning: parts, observe: observe)
        }
        switch method {
        case .heuristic: return try problem.heuristic()
        case .dmn: return try problem.dmn(seed: UInt64(try arguments.integer("seed", in: 0...Int.max)))
        case .gits:
            return try problem.gits(
                arguments.gits(), teacherSteps: try arguments.integer("teacher-steps", in: 1...1000),
                warmUp: try arguments.integer("warm-up", in: 1...1 << 30))
        case .ays: return try problem.ays(arguments.aysSettings())
        case .dODE: return try problem.dODE(arguments.dODESettings())
        case .ggdm:
            return try problem.ggdm(
                arguments.ggdmSettings(), features: arguments.features(sampleShape: model.sampleShape),
                learning: parts ?? [.times, .modelTimes, .coefficients], observe: observe)
        case .ld3:
            let settings = try arguments.ld3Settings(
                dimension: model.sampleShape.reduce(1, *), evaluations: problem.evaluations)
            return try problem.ld3(settings, observe: observe)
        }
    }
}
