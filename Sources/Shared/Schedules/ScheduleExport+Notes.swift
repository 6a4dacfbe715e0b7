import Diagnostics
import Solvers
import TensorStream

extension ScheduleExport {
    /// Throws a usage failure if schedules that are still to be fitted, with model times or coefficients of their own, would
    /// lose what may not be left out.
    package func check(modelTimes: Bool, coefficients: Bool) throws {
        let lost = lost(modelTimes: modelTimes, coefficients: coefficients)
        guard lost.isEmpty || dropsModelTimes else {
            throw refusal(loss(of: lost, "will have") + "; what that costs is told after the fit")
        }
    }

    /// Returns what the format cannot carry.
    private func lost(modelTimes: Bool, coefficients: Bool) -> [String] {
        var lost: [String] = []
        if modelTimes, !format.carriesModelTimes { lost.append("model times of its own") }
        if coefficients, format != .json { lost.append("learned coefficients") }
        return lost
    }

    private func loss(of lost: [String], _ has: String) -> String {
        "the schedule \(has) \(lost.joined(separator: " and ")), which \(format.rawValue) cannot carry"
    }

    private func refusal(_ message: String) -> Failure {
        Failure(
            .usage, place: "export \(format.rawValue)", message,
            suggestion: "drop them with <dropped model times>, learn with <tied times>, or export json")
    }

    /// Returns what the format loses of the schedule, in words. Throws a usage failure if it may not be left out.
    func lossNotes(_ schedule: Schedule) throws -> [String] {
        let lost = lost(modelTimes: !schedule.isTied, coefficients: schedule.coefficients != nil)
        guard !lost.isEmpty else { return [] }
        let change = [
            schedule.lossAfter.map { "the validation loss with them is \($0)" }, tiedLoss.map { "without \($0)" },
        ]
        .compactMap { $0 }.joined(separator: ", ")
        let message = loss(of: lost, "has") + (change.isEmpty ? "" : "; \(change)")
        guard dropsModelTimes else { throw refusal(message) }
        return [message]
    }

    /// Returns what readers of the lists should know.
    ///
    /// - Parameter last: the last level, which a 0 may replace or follow.
    func consumerNotes(_ schedule: Schedule, _ lists: [[Double]], last: Double) -> [String] {
        let level = compact(last, digits: 6)
        let ending =
            switch terminal {
            case .keep: ""
            case _ where last == 0: "; the last step goes to 0"
            case .replaceZero: "; the last sigma, \(level), is replaced by 0"
            case .appendZero: "; a step from \(level) to 0 is added, one evaluation more than learned"
            }
        let sizes = lists.map { "\(counted($0.count, "value")), \(counted($0.count - 1, "step"))" }
        var notes = [sizes.joined(separator: " and ") + ending]
        if schedule.process.startsWithoutSignal {
            notes.append("the sigmas are shifted already: set the program's own shift to 1")
        }
        guard namesSolver else { return notes }
        return notes + [samplerNote(schedule.solver)]
    }

    /// Returns what to set in the other program if the schedule was learned with guidance and the format does not tell it.
    func guidanceNote(_ schedule: Schedule) -> String? {
        guard format != .json, let weight = schedule.made[Key.guidance] else { return nil }
        return "learned with guidance: set cfg \(weight), which diffusers calls guidance_scale"
    }

    /// Returns a note that names the sampler of ComfyUI for a solver, or else another order that has one.
    private func samplerNote(_ solver: Solver) -> String {
        if let sampler = solver.comfySampler { return "made for solver \(solver.name): sampler \(sampler)" }
        var note = "made for solver \(solver.name), which has no counterpart in k-diffusion or ComfyUI"
        if let relative = solver.comfyRelative, let sampler = relative.comfySampler {
            note += "; their sampler \(sampler) is solver \(relative.name)"
        }
        return note
    }
}
