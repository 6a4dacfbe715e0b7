import Solvers

extension Schedule {
    /// For people: solver, where the times come from, and steps, evaluations and values together.
    package func summary() throws -> String {
        let evaluations = try evaluations()
        func count(_ number: Int, _ what: String) -> String { "\(number) \(what)\(number == 1 ? "" : "s")" }
        return "\(solver.name) along \(method): \(count(steps, "step")), \(count(evaluations, "evaluation")), "
            + count(times.count, "value")
    }
}
