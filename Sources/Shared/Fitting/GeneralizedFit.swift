import Diagnostics
import Diffusion
import Solvers
import Tensors

extension FitProblem {
    /// Fits the parts `learning` by Levenberg-Marquardt: the times from several candidates for a few iterations on
    /// some of the pairs, then, from the best of these, everything on all pairs (M13).
    ///
    /// Along budgets the neighbour's schedule, with the best other start, takes the place of the rest: it wins nearly
    /// always.
    package func generalized(
        _ settings: LevenbergMarquardtSettings, learning: LearnedParts,
        observe: @escaping (LD3Event) -> Void = { _ in }
    ) throws -> Fit {
        let before = denoiser.counter.count
        let rated = try racedCandidates()
        let family = try GeneralizedFamily(family, keepsSums: keepsSums)
        let log = FitLog(observe)
        var start = try bestStart(rated, family, settings, learning)
        var best = try optimizer(family, settings, learning, log.append).run(from: start.parameters)
        // The start was chosen on a few pairs.
        if best.validationLoss > rated[0].loss {
            start = (rated[0].candidate.name, family.parameters(rated[0].candidate))
            best.parameters = start.parameters
            best.validationLoss = rated[0].loss
        }
        var schedule = try schedule(family, best.parameters, learning)
        schedule.lossBefore = rated[0].loss
        schedule.lossAfter = best.validationLoss
        return Fit(
            schedule: schedule, candidates: rated, start: start.name, lossBefore: rated[0].loss,
            lossAfter: best.validationLoss, history: log.history, work: denoiser.counter.count - before)
    }

    /// The start whose times a few iterations on some of the pairs bring farthest. One along which the network breaks down
    /// is left out.
    private func bestStart(
        _ rated: [RatedCandidate], _ family: GeneralizedFamily, _ settings: LevenbergMarquardtSettings,
        _ parts: LearnedParts
    ) throws -> (name: String, parameters: [Double]) {
        let timeParts = parts.subtracting(.coefficients)
        let plain = (rated[0].candidate.name, family.parameters(rated[0].candidate))
        guard !timeParts.isEmpty, settings.starts > 0 else { return plain }
        var few = self
        few.train = train.prefix(settings.startPairs)
        few.validation = validation.prefix(settings.startPairs)
        var brief = settings
        brief.iterations = settings.startIterations
        var best: (start: Start, state: LevenbergMarquardt<Element>.State)?
        let families = [family] + (parts.contains(.coefficients) ? try kin(of: family) : [])
        for start in try few.promising(rated, families, count: settings.starts) {
            let optimizer = few.optimizer(start.family, brief, timeParts) { _ in }
            let state = try whereFinite { try optimizer.run(from: start.family.parameters(start.candidate)) }
            if let state, state.validationLoss < best?.state.validationLoss ?? .infinity { best = (start, state) }
        }
        guard let best else { return plain }
        let other = best.start.family.times.solver == solver ? "" : " with \(best.start.family.times.solver.name)"
        return (
            best.start.candidate.name + other,
            try family.parameters(best.state.parameters, of: best.start.family)
        )
    }

    private typealias Start = (family: GeneralizedFamily, candidate: Candidate)

    /// The `count` starts of least loss among all candidates for every solver; with a neighbour's schedule at hand, the
    /// best of its own and the best of a few others.
    private func promising(
        _ rated: [RatedCandidate], _ families: [GeneralizedFamily], count: Int
    ) throws -> [Start] {
        func best(_ rated: [RatedCandidate]) throws -> [Start] {
            var found: [(start: Start, loss: Double)] = []
            for candidate in rated.map(\.candidate) {
                for family in families {
                    let loss = try finiteLoss(family.program(family.parameters(candidate)))
                    if loss.isFinite { found.append(((family, candidate), loss)) }
                }
            }
            return found.sorted { $0.loss < $1.loss }.map(\.start)
        }
        let warm = rated.filter { starts.contains($0.candidate) }
        let others = rated.filter { !starts.contains($0.candidate) }
        guard !warm.isEmpty else { return Array(try best(others).prefix(count)) }
        return try Array(best(warm).prefix(1) + best(Array(others.prefix(count))).prefix(1))
    }

    /// Other solvers along the same times, whose coefficients a fit of this one may start from: the landscape has many
    /// basins, and which of them a solver begins in is chance.
    private func kin(of family: GeneralizedFamily) throws -> [GeneralizedFamily] {
        guard !family.keepsSums, family.evaluations == steps, process.hasFiniteLogSNR,
            !solver.options.contains(.thresholding)
        else { return [] }
        return try [Solver(.ipndm), Solver(.dpmSolverPlusPlus, order: 2)].filter { $0 != solver }.map {
            let times = family.times
            return try GeneralizedFamily(
                TimesFamily(solver: $0, parameterization: times.parameterization, isTied: times.isTied))
        }
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

    /// The parameters of another solver's times and coefficients, if it has as many evaluations.
    package func parameters(_ parameters: [Double], of other: GeneralizedFamily) throws -> [Double] {
        guard other.times.solver != times.solver else { return parameters }
        let shared = Array(parameters.prefix(times.parameterCount))
        let base = MultistepForm<Double>(try times.program(shared))
        return shared + offsets(of: try other.form(parameters), from: base)
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
