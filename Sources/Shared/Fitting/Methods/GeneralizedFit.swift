import Diagnostics
import Diffusion
import Schedules
import Solvers
import Tensors

extension FitProblem {
    /// Fits the parts `learning` by Levenberg-Marquardt: the times from several candidates for a few iterations on
    /// some of the pairs, then, from the best of these, everything on the training pairs, of which the validation pairs
    /// choose; at last a few iterations on all pairs (M13).
    ///
    /// The loss told is that before the last, since then no pair is left to judge by; the next budget starts from there as
    /// well. Along budgets the neighbour's schedule, with the best other start, takes the place of the rest: it wins nearly
    /// always.
    package func generalized(
        _ settings: LevenbergMarquardtSettings, learning: LearnedParts,
        observe: @escaping (LD3Event) -> Void = { _ in }
    ) throws -> Fit {
        let before = denoiser.counter.count
        let rated = try racedCandidates()
        let own = try GeneralizedFamily(family, keepsSums: keepsSums)
        let plain = Start(family: own, name: rated[0].candidate.name, parameters: own.parameters(rated[0].candidate))
        var best = (start: plain, parameters: plain.parameters, loss: rated[0].loss, history: FitHistory())
        for start in try finalists(rated, plain, settings, learning) {
            let log = FitLog(observe)
            let optimizer = optimizer(start.family, settings, learning, log.append)
            let state = try whereFinite { try optimizer.run(from: start.parameters) }
            if let state, state.validationLoss < best.loss {
                best = (start, state.parameters, state.validationLoss, log.history)
            }
        }
        func schedule(_ parameters: [Double]) throws -> Schedule {
            var schedule = try self.schedule(best.start.family, parameters, learning)
            schedule.lossBefore = rated[0].loss
            schedule.lossAfter = best.loss
            return schedule
        }
        // The plain solver's multistep form rounds otherwise, which is no gain.
        let isBetter = best.parameters != plain.parameters
        let refitted = isBetter ? try refitted(best.parameters, best.start, settings, learning) : best.parameters
        return Fit(
            schedule: try schedule(refitted), beforeRefit: try schedule(best.parameters),
            neighbour: own.neighbour(best.parameters),
            candidates: rated, start: best.start.name, lossBefore: rated[0].loss, lossAfter: best.loss,
            history: best.history, work: denoiser.counter.count - before)
    }

    /// Where a fit begins: in its own solver's family or another's, whose coefficients are then those that offsets count from.
    private struct Start {
        var family: GeneralizedFamily
        var name: String
        var parameters: [Double]
    }

    /// The starts whose times a few iterations on some of the pairs bring farthest. One along which the network breaks down
    /// is left out.
    private func finalists(
        _ rated: [RatedCandidate], _ plain: Start, _ settings: LevenbergMarquardtSettings, _ parts: LearnedParts
    ) throws -> [Start] {
        let timeParts = parts.subtracting(.coefficients)
        guard !timeParts.isEmpty, settings.starts > 0 else { return [plain] }
        var few = self
        few.train = train.prefix(settings.startPairs)
        few.validation = validation.prefix(settings.startPairs)
        var brief = settings
        brief.iterations = settings.startIterations
        var tried: [(start: Start, loss: Double)] = []
        let families = [plain.family] + (parts.contains(.coefficients) ? try kin(of: plain.family) : [])
        for var start in try few.promising(rated, families, count: settings.starts) {
            let optimizer = few.optimizer(start.family, brief, timeParts) { _ in }
            guard let state = try whereFinite({ try optimizer.run(from: start.parameters) }) else { continue }
            start.parameters = state.parameters
            tried.append((start, state.validationLoss))
        }
        guard !tried.isEmpty else { return [plain] }
        return tried.sorted { $0.loss < $1.loss }.prefix(rated.contains(where: isGiven) ? 1 : settings.finalists).map(
            \.start)
    }

    /// The parameters after a few more iterations on all pairs; as they are where the network breaks down about them.
    private func refitted(
        _ parameters: [Double], _ start: Start, _ settings: LevenbergMarquardtSettings, _ parts: LearnedParts
    ) throws -> [Double] {
        guard settings.refitIterations > 0 else { return parameters }
        var settings = settings
        settings.iterations = settings.refitIterations
        let optimizer = LevenbergMarquardt(
            student: student(start.family), settings: settings, learning: parts, train: [train, validation],
            validation: nil)
        let state = try whereFinite { try optimizer.run(from: parameters, heldTo: start.parameters) }
        return state?.parameters ?? parameters
    }

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
                    if loss.isFinite { found.append((start(candidate, family), loss)) }
                }
            }
            return found.sorted { $0.loss < $1.loss }.map(\.start)
        }
        let warm = rated.filter(isGiven)
        let others = rated.filter { !isGiven($0) }
        guard !warm.isEmpty else { return Array(try best(others).prefix(count)) }
        return try Array(best(warm).prefix(1) + best(Array(others.prefix(count))).prefix(1))
    }

    private func isGiven(_ rated: RatedCandidate) -> Bool { starts.contains(rated.candidate) }

    private func start(_ candidate: Candidate, _ family: GeneralizedFamily) -> Start {
        let other = family.times.solver == solver ? "" : " with \(family.times.solver.name)"
        return Start(family: family, name: candidate.name + other, parameters: family.parameters(candidate))
    }

    /// Other solvers along the same times, whose coefficients a fit of this one may start from: the landscape has many
    /// basins, and which of them a solver begins in is chance.
    private func kin(of family: GeneralizedFamily) throws -> [GeneralizedFamily] {
        guard triesOtherSolvers, !family.keepsSums, family.evaluations == steps, process.hasFiniteLogSNR,
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
            student: student(family), settings: settings, learning: parts, train: [train], validation: validation,
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
            // A solver of several evaluations a step has as many rows: the network's times say where they are, and these
            // need not fall.
            if form.evaluations != steps {
                schedule.modelTimes = form.evaluationTimes + [process.end]
                schedule.times = schedule.modelTimes.sorted(by: >)
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

    /// The steps' times and the network's, for the next budget to start from.
    func neighbour(_ parameters: [Double]) -> Candidate {
        let lists = times.timeLists(Array(parameters.prefix(times.parameterCount)))
        return Candidate(name: "neighbour", times: lists.times, modelTimes: lists.modelTimes)
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
