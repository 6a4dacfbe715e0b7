import Diagnostics
import Diffusion
import Fitting
import Models
import Schedules
import Solvers

extension FitRequest {
    /// Returns a warning if the first part of the pairs announces fewer than are needed; other parts may follow.
    package func warning(onPairs announced: Int?) -> String? {
        let needed = (arguments.integerIfGiven("train") ?? 1) + (arguments.integerIfGiven("validation") ?? 1)
        guard let announced, announced < needed else { return nil }
        return "announces \(counted(announced, "pair")), and \(needed) are needed: another part must follow"
    }

    /// Returns notes for the user on what is done with the pairs of a model.
    package func notes(on model: Model) -> [String] {
        guard model.isLatent else { return [] }
        let own = model.makesPictures || model.stepper != nil ? nil : "no decoder is at hand: the loss compares latents"
        return [method.noteOnLatents, own].compactMap(\.self)
    }

    /// Returns the schedules of --start. Throws `data`, naming the file, if a schedule is for another process, and `usage` if
    /// a list begins elsewhere than the process.
    package func givenStarts(for process: NoiseProcess) throws -> [Start] {
        try starts.flatMap { path, request in try request.all(for: process).map { Start(name: path, $0) } }
    }

    /// Checks what can be known once the first pairs have come, so that a fit that cannot be made does not wait for the
    /// others. Throws what the fit would throw of the method, the solver, the loss and the starts.
    package func check(_ model: Model, _ first: Pairs<Float>) throws {
        let process = model.process
        if ownLoss(of: model) == nil {
            _ = try loss.loss(to: first, of: model)
        }
        _ = try givenStarts(for: process)
        for budget in budgets {
            if !budget.solver.isForeign {
                let times = try Discretization.uniform.times(steps: budget.steps, process: process)
                _ = try budget.solver.program(process: process, times: times)
            }
            try method.check(budget, on: process)
            try heuristics.map { try requireTimes($0, budget, process) }
        }
    }

    /// Throws `usage` if none of the discretizations that the user names gives falling times.
    private func requireTimes(
        _ heuristics: [Discretization], _ budget: Budget, _ process: NoiseProcess
    ) throws {
        let choice = StartChoice(heuristics: heuristics)
        guard starts.isEmpty, try choice.starts(steps: budget.steps, process: process).isEmpty else { return }
        throw Failure.option(
            "heuristics", "gives no falling times of \(process.spelling) for \(budget.steps) steps",
            suggestion: "leave it out for all that make sense")
    }
}
