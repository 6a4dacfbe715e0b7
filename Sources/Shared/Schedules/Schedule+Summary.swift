import Diagnostics
import Solvers

extension Schedule {
    /// Returns a line for people: the solver, the origin of the times, and the numbers of steps, evaluations and values.
    package func summary() throws -> String {
        let evaluations = try evaluations()
        return "\(solver.name) along \(method): \(counted(steps, "step")), \(counted(evaluations, "evaluation")), "
            + counted(times.count, "value")
    }
}
