import Diagnostics
import Diffusion
import Solvers
import Tensors

extension FitProblem {
    /// Fits the parts `learning` by Levenberg-Marquardt: the times from several candidates for a few iterations on
    /// some of the pairs, then, from the best of these, everything on all pairs (M13).
    ///
    /// Schedules to start from (`starts` of the problem), with the best other candidate, take the place of the rest: along
    /// budgets they win nearly always.
    package func generalized(
        _ settings: LevenbergMarquardtSettings, learning: LearnedParts,
        observe: @escaping (LD3Event) -> Void = { _ in }
    ) throws -> Fit {
        let before = denoiser.counter.count
        let rated = try ratedCandidates()
        let family = try GeneralizedFamily(family, keepsSums: keepsSums)
        let log = FitLog(observe)
        let start = try bestStart(rated, family, settings, learning.subtracting(.coefficients))
        let best = try optimizer(family, settings, learning, log.append).run(from: start)
        var schedule = try schedule(family, best.parameters, learning)
        schedule.lossBefore = rated[0].loss
        schedule.lossAfter = best.validationLoss
        return Fit(
            schedule: schedule, candidates: rated, lossBefore: rated[0].loss, lossAfter: best.validationLoss,
            history: log.history, work: denoiser.counter.count - before)
    }

    /// The parameters from which the whole fit starts.
    private func bestStart(
        _ rated: [RatedCandidate], _ family: GeneralizedFamily, _ settings: LevenbergMarquardtSettings,
        _ parts: LearnedParts
    ) throws -> [Double] {
        guard !parts.isEmpty, settings.starts > 0 else { return family.parameters(rated[0].candidate) }
        var few = self
        few.train = train.prefix(settings.startPairs)
        few.validation = validation.prefix(settings.startPairs)
        var brief = settings
        brief.iterations = settings.startIterations
        let optimizer = few.optimizer(family, brief, parts) { _ in }
        let warm = rated.filter { starts.contains($0.candidate) }
        let others = rated.filter { !starts.contains($0.candidate) }
        let tried = warm + others.prefix(warm.isEmpty ? settings.starts : 1)
        var best: LevenbergMarquardt<Element>.State?
        for candidate in tried where candidate.loss.isFinite {
            let state = try optimizer.run(from: family.parameters(candidate.candidate))
            if state.validationLoss < best?.validationLoss ?? .infinity { best = state }
        }
        return best?.parameters ?? family.parameters(rated[0].candidate)
    }

    private func optimizer(
        _ family: GeneralizedFamily, _ settings: LevenbergMarquardtSettings, _ parts: LearnedParts,
        _ observe: @escaping (LD3Event) -> Void
    ) -> LevenbergMarquardt<Element> {
        LevenbergMarquardt(
            student: student(family), settings: settings, learning: parts, train: train, validation: validation,
            observe: observe)
    }

    /// What the parameters stand for, with coefficients of its own where they were learned.
    func schedule(_ family: GeneralizedFamily, _ parameters: [Double], _ learning: LearnedParts) throws -> Schedule {
        let lists = family.times.timeLists(Array(parameters.prefix(family.times.parameterCount)))
        var schedule = Schedule(
            solver: solver, process: process, times: lists.times, modelTimes: lists.modelTimes, method: "generalized")
        if learning.contains(.coefficients) {
            let form = try family.form(parameters)
            schedule.coefficients = CoefficientMatrices(form)
            // A solver of several evaluations a step has as many rows: the network's times say where they are.
            if form.evaluations != steps {
                schedule.modelTimes = form.evaluationTimes + [process.end]
                schedule.times = schedule.modelTimes
            }
        }
        return schedule
    }
}

extension GeneralizedFamily {
    /// The parameters of a candidate with the solver's own coefficients.
    func parameters(_ candidate: Candidate) -> [Double] {
        times.parameters(times: candidate.times, modelTimes: candidate.modelTimes)
            + [Double](repeating: 0, count: coefficientCount)
    }
}

extension CoefficientMatrices {
    /// The form in the notation of M4.0: data prediction, and x_0 the only state.
    init(_ form: MultistepForm<Double>) {
        let count = form.evaluations
        func padded(_ row: [Double]) -> [Double] { row + [Double](repeating: 0, count: count - row.count) }
        self.init(
            prediction: .data, predictorState: form.startWeights.map { padded([$0]) },
            predictorOutput: form.outputWeights.map(padded))
    }
}
