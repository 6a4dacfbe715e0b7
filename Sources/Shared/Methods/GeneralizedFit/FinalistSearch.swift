import Fitting
import Solvers
import Tensors

/// A start in a solver's family: the problem's own, or another's, whose coefficients are then those that offsets count
/// from.
struct FamilyStart {
    var family: GeneralizedFamily
    var name: String
    var parameters: [Double]
}

/// Finds the starts from which everything is fitted.
struct FinalistSearch<Element: TensorElement> {
    let settings: GeneralizedFit
    let problem: FitProblem<Element>
    /// The family of the problem's own solver.
    let own: GeneralizedFamily
    let rated: [RatedStart]

    /// The best start with the solver's own coefficients.
    var plain: FamilyStart { familyStart(rated[0].start, own) }

    private var parts: LearnedParts { settings.coefficients.parts }

    /// Returns the starts whose times a few steps on some of the pairs bring farthest. A start along which the network
    /// breaks down is left out.
    func finalists() throws -> [FamilyStart] {
        let timeParts = parts.subtracting(.coefficients)
        guard !timeParts.isEmpty, settings.starts > 0 else { return [plain] }
        var few = problem
        few.train = problem.train.prefix(settings.startPairs)
        few.validation = problem.validation.prefix(settings.startPairs)
        var brief = settings.optimizer
        brief.steps = settings.startSteps
        var tried: [(start: FamilyStart, loss: Double)] = []
        let families = [own] + (parts.contains(.coefficients) ? try otherSolvers() : [])
        for var start in try bestStarts(families, on: few) {
            let optimizer = LevenbergMarquardt(
                student: few.student(start.family), settings: brief, learning: timeParts, train: [few.train],
                validation: few.validation)
            guard let state = try unlessBroken({ try optimizer.run(from: start.parameters) }) else { continue }
            start.parameters = state.parameters
            tried.append((start, state.validationLoss))
        }
        guard !tried.isEmpty else { return [plain] }
        let count = rated.contains(where: isGiven) ? 1 : settings.finalists
        return tried.sorted { $0.loss < $1.loss }.prefix(count).map(\.start)
    }

    /// Returns the starts of least loss among all starts in every family. If some are given, these are the best of the
    /// given ones and the best of a few others.
    private func bestStarts(
        _ families: [GeneralizedFamily], on few: FitProblem<Element>
    ) throws -> [FamilyStart] {
        func best(_ rated: [RatedStart]) throws -> [FamilyStart] {
            var found: [(start: FamilyStart, loss: Double)] = []
            for start in rated.map(\.start) {
                for family in families {
                    let loss = try few.validationLoss(family.program(family.parameters(start)))
                    if loss.isFinite { found.append((familyStart(start, family), loss)) }
                }
            }
            return found.sorted { $0.loss < $1.loss }.map(\.start)
        }
        let given = rated.filter(isGiven)
        let others = rated.filter { !isGiven($0) }
        guard !given.isEmpty else { return Array(try best(others).prefix(settings.starts)) }
        return try Array(best(given).prefix(1) + best(Array(others.prefix(settings.starts))).prefix(1))
    }

    private func isGiven(_ rated: RatedStart) -> Bool { problem.starts.given.contains(rated.start) }

    private func familyStart(_ start: Start, _ family: GeneralizedFamily) -> FamilyStart {
        let other = family.times.solver == problem.solver ? "" : " with \(family.times.solver.name)"
        return FamilyStart(family: family, name: start.name + other, parameters: family.parameters(start))
    }

    /// Returns other solvers along the same times, whose coefficients a fit may start from: the landscape has many
    /// basins, and in which of them a solver begins is chance.
    private func otherSolvers() throws -> [GeneralizedFamily] {
        guard settings.coefficients.triesOtherSolvers, !own.keepsSums, own.evaluations == problem.steps,
            problem.process.hasFiniteLogSNR, !problem.solver.options.contains(.thresholding)
        else { return [] }
        return try [Solver(.ipndm), Solver(.dpmSolverPlusPlus, order: 2)].filter { $0 != problem.solver }.map {
            try GeneralizedFamily(
                TimesFamily(solver: $0, parameterization: own.times.parameterization, isTied: own.times.isTied))
        }
    }
}
