import Fitting
import Options
import Schedules
import Solvers
import Tensors

/// Align Your Steps: times of least KLUB, a bound on the divergence of a first-order stochastic solver, by Monte Carlo
/// and coordinate search (Sabour et al. 2024; docs/methods/ays.md). The data are the pairs' targets.
package struct AYS: FitMethod {
    package static let name = "ays"
    package static let shared: Set = ["seed"]
    package static let options = [
        OptionGroup(
            "AYS (\(spelled("method")) ays)", topic: "ays",
            [
                .integer("ays-samples", in: 1...1 << 20, default: "32", "of each KLUB estimate"),
                .integer(
                    "ays-sweeps", in: 1...1000, default: "5", "visits of every time, at most, at each resolution"),
            ])
    ]

    /// The samples of each estimate.
    package var samples = 32
    /// The places that a point may take on one visit, its present one among them.
    package var places = 11
    /// The visits of every point, at most, at each resolution.
    package var sweeps = 5
    /// Whether a resolution's search ends when the solver's own validation loss rises: KLUB is a bound for another
    /// solver.
    package var stopsEarly = true
    /// The steps of the first grid, and how often it is subdivided.
    package var firstSteps = 10
    package var subdivisions = 2
    /// c of the sampling density, the data's deviation.
    package var deviation = 0.5
    package var seed: UInt64 = 0

    package init() {}

    package init(_ values: any OptionValues) throws {
        samples = try values.integer("ays-samples")
        sweeps = try values.integer("ays-sweeps")
        seed = UInt64(try values.integer("seed"))
    }

    package var solvedPairs: SolvedPairs { .validation }

    /// The work is two evaluations for each sample, interval and place.
    package func fit<Element: TensorElement>(
        _ problem: FitProblem<Element>, observe: @escaping (FitEvent) -> Void
    ) throws -> Fit {
        let (process, steps, pairs) = (problem.process, problem.steps, problem.train.pairs)
        try requireFiniteLogSNR(problem)
        guard pairs.targets.shape == pairs.noise.shape else {
            throw Self.unsuited("needs targets in the model's own space")
        }
        return try baseline(problem) {
            // Samples beyond the number of targets reuse them with other noises.
            let indices = (0..<samples).map { $0 % pairs.count }
            let data = pairs.targets.gather(indices)
            var generator = SplitMix(seed: seed)
            func noise() -> Tensor<Double> {
                Tensor(shape: data.shape, elements: (0..<data.count).map { _ in generator.normal() })
            }
            func times(_ levels: [Double]) -> [Double] {
                var times = TabulatedSchedule.interpolated(levels.reversed(), steps: steps)
                    .map { process.time(scaledSigma: $0) }
                times[0] = process.start
                times[steps] = process.end
                return times
            }
            let search = AYSSearch(
                settings: self, process: process, data: data, noises: (noise(), noise()),
                judge: {
                    try problem.validationLoss(problem.solver.program(process: process, times: times($0)))
                },
                denoise: { try problem.denoised($0, at: $1, of: indices, thresholds: false) })
            let start = try Discretization.edm.times(steps: firstSteps, process: process)
            let levels = try search.levels(from: start.map { process.scaledSigma($0) }.reversed())
            return try schedule(problem, times: times(levels))
        }
    }
}
