import Diagnostics
import Diffusion
import Fitting
import Options
import Schedules
import Solvers
import Tensors

/// Fits times, model times and coefficients by Levenberg-Marquardt (docs/methods/gauss-newton.md).
///
/// First it fits the times of several starts for a few steps on some of the pairs. From the best of these it fits
/// everything on the training pairs, and the validation pairs choose the iterate. At last it takes a few steps on all pairs.
///
/// `lossAfter` is the validation loss before the steps on all pairs, since these train on the validation pairs. The next
/// budget, too, starts from the parameters before them. If a neighbouring budget gives its schedule, only that schedule
/// and the best other start are tried, since one of them wins nearly always.
package struct GeneralizedFit: FitMethod {
    package static let name = "generalized"
    package static var request: String { spelled("learn") }
    package static let differentiates = true
    package static let options = [
        OptionGroup(
            "Gauss-Newton (\(spelled("learn")))", topic: "gauss-newton",
            [
                .integer("iterations", in: 1...10_000, default: "15", "of each fit, at most"),
                .integer(
                    "starts", in: 0...100, default: "3",
                    "fitted first on few pairs; 2 along budgets or with \(spelled("start"))"),
                .integer(
                    "refit", in: 0...10_000, default: "5",
                    "further iterations that train on the validation pairs too; 0 is none"),
                .number(
                    "ridge", in: 0...1e9, default: "1e-2",
                    "weight of the squared moves of coefficients, in initial losses"),
            ] + CoefficientSettings.options + [
                .integer("curvature-pairs", in: 1...1 << 30, default: "10", "pairs that give the curvature")
            ])
    ]

    package static let shared = TimesSettings.names

    package var times = TimesSettings()
    package var coefficients: CoefficientSettings
    package var optimizer = LevenbergMarquardtSettings()
    /// The number of starts whose times are fitted first.
    package var starts = 3
    /// The steps of these first fits.
    package var startSteps = 4
    /// The training pairs, and as many validation pairs, that these first fits use.
    package var startPairs = 16
    /// The starts of which everything is then fitted on all training pairs; the best one alone if starts are given, as
    /// along budgets.
    package var finalists = 2
    /// The steps in which the chosen fit goes on with the validation pairs among those it trains on.
    package var refitSteps = 5

    package init(learning parts: LearnedParts = .all) { coefficients = CoefficientSettings(parts) }

    package init(_ values: any OptionValues) throws {
        times = try TimesSettings(values)
        coefficients = try CoefficientSettings(values)
        if times.keepsModelTimes, values.isGiven("learn"), coefficients.parts == .modelTimes {
            throw Failure.option(
                "learn", "names nothing but model times, which are then the solver's own",
                suggestion: "leave out \(spelled("tied"))")
        }
        optimizer.steps = try values.integer("iterations")
        optimizer.ridge = try values.double("ridge")
        optimizer.curvaturePairs = try values.integer("curvature-pairs")
        starts = try values.integer("starts")
        refitSteps = try values.integer("refit")
    }

    package var solvedPairs: SolvedPairs { .all }
    package var learned: LearnedParts { coefficients.learned(times) }

    package func check(_ budget: Budget, on process: NoiseProcess) throws { _ = try times.family(process, budget) }

    package func fit<Element: TensorElement>(
        _ problem: FitProblem<Element>, observe: @escaping (FitEvent) -> Void
    ) throws -> Fit {
        let before = problem.work
        let timesFamily = try times.family(problem.process, problem.budget)
        let rated = try StartRace(problem, timesFamily).winners()
        let own = try GeneralizedFamily(timesFamily, keepsSums: coefficients.keepsSums)
        let search = FinalistSearch(settings: self, problem: problem, own: own, rated: rated)
        let plain = search.plain
        var best = (start: plain, parameters: plain.parameters, loss: rated[0].loss, history: FitHistory())
        for start in try search.finalists() {
            let log = FitLog(Self.measure, observe)
            let optimizer = LevenbergMarquardt(
                student: problem.student(start.family), settings: optimizer, learning: coefficients.parts,
                train: [problem.train], validation: problem.validation, observe: log.append)
            let state = try unlessBroken { try optimizer.run(from: start.parameters) }
            if let state, state.validationLoss < best.loss {
                best = (start, state.parameters, state.validationLoss, log.history)
            }
        }
        // The plain solver's multistep form rounds in another way, which is no gain.
        let isBetter = best.parameters != plain.parameters
        let refitted = isBetter ? try refitted(best.parameters, best.start, problem) : best.parameters
        func schedule(_ parameters: [Double]) throws -> Schedule {
            try best.start.family.schedule(
                parameters, learned: coefficients.parts, solver: problem.solver, method: Self.name)
        }
        var fit = Fit(
            try schedule(refitted), starts: rated, lossAfter: best.loss, work: problem.work - before)
        fit.judged = try schedule(best.parameters)
        (fit.judged.lossBefore, fit.judged.lossAfter) = (fit.lossBefore, fit.lossAfter)
        fit.neighbour = own.start("neighbour", best.parameters)
        fit.startName = best.start.name
        fit.history = best.history
        return fit
    }

    /// Returns the parameters after a few more steps on all pairs, or as they are if the network breaks down about
    /// them.
    private func refitted<Element: TensorElement>(
        _ parameters: [Double], _ start: FamilyStart, _ problem: FitProblem<Element>
    ) throws -> [Double] {
        guard refitSteps > 0 else { return parameters }
        var settings = optimizer
        settings.steps = refitSteps
        let optimizer = LevenbergMarquardt(
            student: problem.student(start.family), settings: settings, learning: coefficients.parts,
            train: [problem.train, problem.validation], validation: nil)
        let state = try unlessBroken { try optimizer.run(from: parameters, heldTo: start.parameters) }
        return state?.parameters ?? parameters
    }
}
