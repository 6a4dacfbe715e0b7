import Solvers

/// A solver with its number of steps.
package struct Budget: Sendable, Equatable {
    package let solver: Solver
    package let steps: Int

    package init(_ solver: Solver, steps: Int) {
        self.solver = solver
        self.steps = steps
    }

    /// Throws `usage` if so few evaluations make no step.
    package init(_ solver: Solver, evaluations: Int) throws {
        let plan = try solver.plan(evaluations: evaluations)
        self.init(plan.solver, steps: plan.steps)
    }

    /// The network evaluations of one sample.
    package var evaluations: Int { solver.evaluations(steps: steps) }
}
