import Diffusion
import Solvers

/// A solver with its number of steps from the start to the end of a process.
package struct Budget: Sendable, Equatable {
    package let solver: Solver
    package let steps: Int
    /// The network evaluations of one sample.
    package let evaluations: Int

    package init(_ solver: Solver, steps: Int, process: NoiseProcess) {
        self.solver = solver
        self.steps = steps
        evaluations = solver.evaluations(steps: steps, process: process)
    }

    /// Takes the most evaluations that whole steps can make. Throws `usage` if so few make no step.
    package init(_ solver: Solver, evaluations: Int, process: NoiseProcess) throws {
        let plan = try solver.plan(evaluations: evaluations, process: process)
        self.init(plan.solver, steps: plan.steps, process: process)
    }
}
