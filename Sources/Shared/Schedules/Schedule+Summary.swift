import Diagnostics
import Solvers
import TensorStream

extension Schedule {
    /// Returns a line for people: the solver, the origin of the times, and the numbers of steps, evaluations and values.
    package func summary() throws -> String {
        let evaluations = try evaluations()
        return "\(solver.name) along \(method): \(counted(steps, "step")), \(counted(evaluations, "evaluation")), "
            + counted(times.count, "value")
    }

    /// Lines for people: the model with its settings, and the programs that made the schedule, as far as it tells them.
    package var origin: [String] {
        let settings = Key.ofModel.subtracting([Key.model, Key.process]).filter { !$0.hasSuffix("_sha256") }.sorted()
        let words = settings.compactMap { key in made[key].map { "\(key.dropFirst("ld3.".count)) \($0)" } } + runs
        let pipeline = made[Key.history].flatMap { try? Provenance(parsing: $0) }?.pipeline
        return [
            made[Key.model].map { (["model \($0)"] + words).joined(separator: ", ") }, pipeline.map { "made by \($0)" },
        ].compactMap { $0?.onePrintableLine }
    }

    /// An evaluation with guidance other than 1 runs the network with the condition and without it.
    private var runs: [String] {
        guard let guidance = made[Key.guidance].flatMap(Double.init), guidance != 1 else { return [] }
        return ["an evaluation runs the network twice"]
    }
}
