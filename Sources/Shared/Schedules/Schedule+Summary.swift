import Diagnostics
import Solvers

extension Schedule {
    /// For people: solver, where the times come from, and steps, evaluations and values together.
    package func summary() throws -> String {
        let evaluations = try evaluations()
        return "\(solver.name) along \(method): \(counted(steps, "step")), \(counted(evaluations, "evaluation")), "
            + counted(times.count, "value")
    }
}
