import Commands
import Diagnostics
import Diffusion
import FitRequests
import Fitting
import Methods
import Models
import Options
import Schedules
import Solvers
import Tensors

/// The fits of one run, in the precision of its denoiser.
struct FitSession<Element: TensorElement> {
    private let request: FitRequest
    private let model: Model
    private let denoiser: CountingDenoiser<Element>
    /// The sampler that is fitted in the place of the denoiser with the solver of a budget, if any.
    private let sampler: (Budget) -> FitSampler<Element>?
    private let train: FittingSet<Element>
    private let validation: FittingSet<Element>
    /// The schedules of --start.
    private let given: [Start]
    private var resources = FitResources()

    init(
        _ request: FitRequest, model: Model, denoiser: CountingDenoiser<Element>,
        sampler: @escaping (Budget) -> FitSampler<Element>? = { _ in nil }, train: Pairs<Element>,
        validation: Pairs<Element>
    ) throws {
        func set(_ pairs: Pairs<Element>) throws -> FittingSet<Element> {
            if let stepper = request.ownLoss(of: model),
                let loss = ForeignLoss(stepper, to: pairs.converted()) as? any Loss<Element>
            {
                return FittingSet(pairs, loss: loss)
            }
            return FittingSet(pairs, loss: try request.loss.loss(to: pairs, of: model))
        }
        self.request = request
        self.model = model
        self.denoiser = denoiser
        self.sampler = sampler
        self.train = try set(train)
        self.validation = try set(validation)
        given = try request.givenStarts(for: model.process)
        resources.savings = request.savings
        resources.batch = request.batch ?? min(model.defaultBatch, 16)
        resources.policy = try policy(denoiser)
    }

    private func policy(_ denoiser: some Denoiser<Element>) throws -> ActivationPolicy {
        guard denoiser.hasPullback else { return .recompute }
        return switch request.activations {
        case .keep: .keep
        case .recompute: .recompute
        case .auto:
            try .fitting(
                denoiser, at: model.process.start, given: train.pairs.condition.rows([0]),
                batch: max(16, request.method.differentiatedBatch),
                evaluations: request.budgets.map(\.evaluations).max() ?? 1)
        }
    }

    /// Returns the fits of all budgets, each of which starts from its neighbour's schedule too, with the metadata `made`.
    /// `done` is told of each, with the loss of its times alone if it is to be exported.
    func fits(made: [String: String], done: (Fit, _ tiedLoss: Double?) throws -> Void) throws -> [Fit] {
        var (train, validation) = (train, validation)
        var fits: [Fit] = []
        for budget in request.budgets {
            var problem = FitProblem(
                denoiser: denoiser, sampler: sampler(budget), process: model.process, budget: budget, train: train,
                validation: validation, isLatent: model.isLatent)
            problem.resources = resources
            if let heuristics = request.heuristics { problem.starts = StartChoice(heuristics: heuristics) }
            problem.starts.given = (given + (fits.last.map { [$0.neighbour] } ?? []))
                .map { $0.fitted(to: model.process, steps: budget.steps) }
            let before = problem.work
            try problem.keepFirstOutputs(of: request.method.solvedPairs)
            let firstOutputs = problem.work - before
            (train, validation) = (problem.train, problem.validation)
            var fit = try solve(problem)
            if request.method.solvedPairs != .none { fit.work = fit.work + firstOutputs }
            fit.schedule.loss = request.ownLoss(of: model) == nil ? request.loss.name.rawValue : ForeignLoss.name
            fit.schedule.record(made)
            try done(fit, request.arguments.isGiven("export") ? try problem.tiedLoss(fit.judged) : nil)
            fit.samples = problem.samples(
                of: fit, count: request.arguments.integerIfGiven("report-samples"), model: model,
                reporter: request.arguments.reporter)
            fits.append(fit)
        }
        return fits
    }

    private func solve(_ problem: FitProblem<Element>) throws -> Fit {
        let reporter = request.arguments.reporter
        let progress = Progress(
            reporter, "fitting \(problem.solver.name), NFE \(problem.budget.evaluations)", unit: "steps", total: nil)
        defer { progress.finish() }
        let measure = type(of: request.method).measure
        return try request.method.fit(problem) { event in
            switch event {
            case .step(let step): progress.advance(by: 1, "validation \(measure) \(step.best)")
            case .pass: break
            case .noisesStay: reporter.note("noises stay where they are, since their gradients are not told")
            case .end(let reason): reporter.note("training ends early: \(reason)")
            }
        }
    }
}
