import Diffusion
import Schedules
import Solvers

/// The starts that a fit may try.
package struct StartChoice: Sendable {
    /// The discretizations, as far as they make sense for the process and the number of steps.
    package var heuristics: [Discretization]
    /// Whether GITS on a few noises is a start too.
    package var triesGITS = true
    /// Further starts, such as the schedule of the next smaller budget.
    package var given: [Start] = []

    /// Everything that makes sense for the process, the solver and the deviation of the data: latents are scaled to 1, and
    /// pixels have about 0.5.
    package init(_ process: NoiseProcess, _ solver: Solver, isLatent: Bool) {
        heuristics =
            [.uniform, .quadratic, .polynomial(rho: 3), .edm, .edmTime, .logSNR]
            + [.arctan(deviation: isLatent ? 1 : 0.5)] + Self.published(for: process, solver)
    }

    package init(heuristics: [Discretization], given: [Start] = []) {
        self.heuristics = heuristics
        self.given = given
        triesGITS = false
    }

    /// Returns the given starts and the discretizations whose times fall.
    package func starts(steps: Int, process: NoiseProcess) throws -> [Start] {
        func falls(_ times: [Double]) -> Bool { zip(times, times.dropFirst()).allSatisfy { $0 > $1 } }
        var starts = given.filter { $0.times.count == steps + 1 && falls($0.times) }
        var seen = starts.map(\.times)
        for discretization in heuristics {
            guard let times = try discretization.timesIfDefined(steps: steps, process: process),
                !seen.contains(times), falls(times)
            else { continue }
            seen.append(times)
            starts.append(Start(name: discretization.spelling, times: times))
        }
        return starts
    }

    /// Returns the tables and grids that were published for this very process. As starts they cost nothing but their rating.
    package static func published(for process: NoiseProcess, _ solver: Solver) -> [Discretization] {
        let names: [String] =
            if process == .edm {
                ["dmn:edm", "gits:cifar10"]
            } else if process == .vpLinear {
                ["dmn:vp-linear"]
            } else if process == .vpDiscrete(.stableDiffusion) {
                ["dmn:sd", solver.family == .ipndm ? "gits:ipndm" : "gits:dpm-solver++", "ays:sd15"]
            } else if process == .flow {
                ["shift:3"]
            } else {
                []
            }
        return names.compactMap { try? Discretization(spelling: $0) }
    }
}
