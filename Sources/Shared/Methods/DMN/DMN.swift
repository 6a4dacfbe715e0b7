import Fitting
import Options
import Schedules
import Solvers
import Tensors

/// DMN: times from a bound on the solver's error alone, without any network evaluation (Xue et al. 2024).
package struct DMN: FitMethod {
    package static let name = "dmn"
    package static let options: [OptionGroup] = []
    package static let shared: Set = ["seed"]

    private let seed: UInt64

    package init(seed: UInt64 = 0) { self.seed = seed }
    package init(_ values: any OptionValues) throws { seed = UInt64(try values.integer("seed")) }

    /// Beyond seven steps LD3's objective has useless optima: there the published stopping points stand for it if they
    /// exist, else the optimum with three independent intervals (docs/methods/dmn.md, "Schedules as data").
    package func fit<Element: TensorElement>(
        _ problem: FitProblem<Element>, observe: @escaping (FitEvent) -> Void
    ) throws -> Fit {
        let (process, steps) = (problem.process, problem.steps)
        try requireFiniteLogSNR(problem)
        return try baseline(problem) {
            if steps > 7, let times = try published(problem)?.timesIfDefined(steps: steps, process: process) {
                return try schedule(problem, times: times)
            }
            let isPixel = process.timeIsNoiseLevel
            var search = DMNSearch(
                DMNObjective(errorPower: isPixel ? 1 : 2, steps: steps, independentIntervals: 3))
            search.seed = seed
            let start = try (isPixel ? Discretization.logSNR : .uniform).times(steps: steps, process: process)
            var times = search.minimize(from: start.map { process.lambda($0) }).lambdas
                .map { process.time(lambda: $0) }
            times[0] = process.start
            times[steps] = process.end
            return try schedule(problem, times: times)
        }
    }

    private func published<Element: TensorElement>(_ problem: FitProblem<Element>) -> Discretization? {
        StartChoice.published(for: problem.process, problem.solver).first { $0.spelling.hasPrefix("dmn:") }
    }
}
