import Diffusion
import Tensors

/// The steps of a sampler in another process, of which we know the times alone (docs/STREAM.md, "Foreign samplers"). The order
/// is the number of network evaluations of a step.
struct ForeignSteps: SolverFamily {
    let name = "foreign"
    let orders = 1...1000
    let defaultOrder = 1
    let hasCoefficients = false

    func evaluations(_ solver: Solver, steps: Int, _ process: NoiseProcess) -> Int { steps * solver.order }

    func recursion<T: Real>(_ solver: Solver, _ grid: TimeGrid<T>, modelTimes: [T]) -> LinearRecursion<T> {
        preconditionFailure("a family without coefficients is refused before they are asked for")
    }
}

extension Solver.Family {
    package static let foreign = Self(ForeignSteps())

    /// Every family that a file may name.
    static let known = all + [foreign]
}

extension Solver {
    /// Whether the steps are those of a sampler in another process, so that there is no step program.
    package var isForeign: Bool { family == .foreign }
}
