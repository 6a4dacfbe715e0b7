import Diagnostics
import Diffusion
import Schedules
import Solvers
import Tensors

/// DMN: times from a bound on the solver's error alone, without any network evaluation (M8.1).
package struct DMN: Sendable {
    package var objective: DMNObjective
    /// Searches from the start and from perturbations of it.
    package var restarts = 24
    package var seed: UInt64 = 0

    package init(_ objective: DMNObjective) { self.objective = objective }

    /// Half log-SNRs of least objective between fixed ends, rising; the gaps are a softmax of the parameters (M5.2).
    ///
    /// - Parameter start: N + 1 rising values.
    package func minimize(from start: [Double]) -> (lambdas: [Double], objective: Double) {
        guard let first = start.first, let last = start.last, start.count > 2 else { return (start, objective(start)) }
        func lambdas(_ logits: [Double]) -> [Double] {
            let highest = max(logits.max() ?? 0, 0)
            // The last gap's logit is 0: a common shift changes nothing.
            let shares = (logits + [0]).map { Double.exp($0 - highest) }
            let total = shares.reduce(0, +)
            var sum = 0.0
            let inner = shares.dropLast().map { share -> Double in
                sum += share / total
                return first + (last - first) * sum
            }
            return [first] + inner + [last]
        }
        let gaps = zip(start, start.dropFirst()).map { Double.log($1 - $0) }
        let origin = gaps.dropLast().map { $0 - gaps[gaps.count - 1] }
        var generator = SplitMix(seed: seed)
        var best = (point: origin, value: objective(start))
        for restart in 0..<restarts {
            var point = restart % 2 == 0 ? origin : best.point
            if restart > 0 { for index in point.indices { point[index] += 0.7 * generator.normal() } }
            // The objective has kinks, on which a simplex collapses: search again from where it stopped.
            for size in [0.5, 0.2, 0.05, 0.01] {
                let found = NelderMead().minimize({ objective(lambdas($0)) }, from: point, size: size)
                point = found.point
                if found.value < best.value { best = found }
            }
        }
        return (lambdas(best.point), best.value)
    }
}

extension SplitMix {
    /// A standard normal number (Box and Muller).
    mutating func normal() -> Double {
        let radius = (-2 * Double.log(1 - uniform())).squareRoot()
        return radius * Double.cos(2 * .pi * uniform())
    }
}

extension FitProblem {
    /// DMN's schedule. Beyond seven steps LD3's objective has useless optima (DEF-14): there the published stopping
    /// points stand for it where they exist, and the optimum with three independent intervals elsewhere.
    package func dmn(seed: UInt64 = 0) throws -> Fit {
        try baseline("dmn") {
            if steps > 7, let table = publishedDMN, let times = try? table.times(steps: steps, process: process) {
                return try baselineSchedule(times: times)
            }
            let isPixel = if case .edm = process { true } else { false }
            let objective = DMNObjective(errorPower: isPixel ? 1 : 2, steps: steps, independentIntervals: 3)
            var search = DMN(objective)
            search.seed = seed
            let start = try (isPixel ? Discretization.logSNR : .uniform).times(steps: steps, process: process)
            guard start.allSatisfy({ process.lambda($0).isFinite }) else {
                throw Failure(.usage, place: "--method dmn", "needs a finite log-SNR at both ends")
            }
            var times = search.minimize(from: start.map { process.lambda($0) }).lambdas
                .map { process.time(lambda: $0) }
            times[0] = process.start
            times[steps] = process.end
            return try baselineSchedule(times: times)
        }
    }

    private var publishedDMN: Discretization? {
        published.first { $0.spelling.hasPrefix("dmn:") }
    }

    /// The tables published for this very process: as starts they cost nothing but their rating (M5.9).
    var published: [Discretization] {
        let names: [String] =
            switch process {
            case .edm(0.002, 80): ["dmn:edm", "gits:cifar10"]
            case .vpLinear: ["dmn:vp-linear"]
            case .vpDiscrete(let table) where table == .stableDiffusion:
                ["dmn:sd", solver.family == .ipndm ? "gits:ipndm" : "gits:dpm-solver++", "ays:sd15"]
            default: []
            }
        return names.compactMap { try? Discretization(spelling: $0) }
    }
}
