import Diagnostics
import Diffusion
import Solvers
import TensorStream

/// A request for times and a solver: a named discretization or a file, with the solver and the budget as far as they are
/// given.
package struct ScheduleRequest: Sendable {
    package var solver: String?
    package var order: Int?
    package var variant: String?
    package var evaluations: Int?
    package var steps: Int?
    /// Whether the user names no schedule. If the log-SNR of the process is infinite at an end, the times are then uniform.
    package var isDefault = false
    private let source: Source

    private enum Source: Sendable {
        case discretization(Discretization)
        case file(String, [Frame])
    }

    /// Makes a request. Throws a usage failure if the budget is given twice, and the reader's failure if `schedule` is a
    /// file that holds no schedule.
    ///
    /// - Parameters:
    ///   - schedule: the name of a discretization, or the path of a schedule stream, a JSON schedule or a list.
    ///   - process: the process that the user named, if any; a file of a schedule may name it too.
    package init(
        schedule: String, solver: String?, order: Int?, variant: String?, evaluations: Int?, steps: Int?,
        process: NoiseProcess? = nil
    ) throws {
        (self.solver, self.order, self.variant) = (solver, order, variant)
        (self.evaluations, self.steps) = (evaluations, steps)
        if let discretization = try locating("schedule", { try Discretization(spelling: schedule) }) {
            source = .discretization(discretization)
        } else {
            source = try namingFile(schedule, at: "schedule", orOneOf: Discretization.spellings) {
                try Self.source(ofFile: schedule, process)
            }
        }
        guard evaluations == nil || steps == nil else {
            throw Failure(.usage, place: "steps", "cannot be given together with <evaluations>")
        }
    }

    /// Makes a request for the schedules in a file: a schedule stream, JSON schedules or a list. Throws the reader's failure if
    /// it is none.
    ///
    /// - Parameter process: the process that the user named, if any; a file of a schedule may name it too.
    package init(file path: String, process: NoiseProcess? = nil) throws {
        source = try Self.source(ofFile: path, process)
    }

    private static func source(ofFile path: String, _ process: NoiseProcess?) throws -> Source {
        guard let bytes = NumberList.contents(ofListAt: path) else {
            return .file(path, try Schedule.frames(of: StreamReader.file(path, .schedule)))
        }
        if let schedules = try Schedule.documents(bytes, path: path, process: process) {
            return .file(path, try schedules.map { try $0.frame() })
        }
        return .discretization(.tabulated(try TabulatedSchedule(bytes, path: path)))
    }

    /// Whether the options or the file say for which solver the times are. A bare list does not.
    package var tellsSolver: Bool {
        if case .file = source { return true }
        return solver != nil
    }

    /// The file and what it says about model and process; nothing is said by a named discretization.
    package var origin: Origin {
        switch source {
        case .discretization: .init(place: "schedule", metadata: [:])
        case .file(let path, let frames): .init(place: path, metadata: frames.first?.metadata ?? [:])
        }
    }

    /// Returns this request for a sampler in another process, which is its own solver. Throws `usage` if another is
    /// asked for.
    ///
    /// - Parameter evaluations: the network evaluations of one step.
    package func ofSampler(evaluations: Int) throws -> ScheduleRequest {
        let given = [("solver", solver), ("order", order.map(String.init)), ("variant", variant)]
        if let (name, _) = given.first(where: { $0.1 != nil }) {
            throw Failure(.usage, place: name, "cannot be chosen: the model is a sampler, which is its own solver")
        }
        var request = self
        (request.solver, request.order) = ("foreign", evaluations)
        return request
    }

    /// Returns the schedule for a process.
    ///
    /// - Parameters:
    ///   - fallback: the solver and the evaluations if nothing else says them.
    ///   - note: is called if a given solver replaces the one that a file says, and if the times stop short of the data.
    package func schedule(
        for process: NoiseProcess, fallback: (solver: String, evaluations: Int?), note: (String) -> Void
    ) throws -> Schedule {
        switch source {
        case .discretization(var discretization):
            if isDefault, !process.hasNoiseLevels || !process.hasFiniteLogSNR { discretization = .uniform }
            let (solver, steps) = try budget(of: discretization, process: process, fallback: fallback)
            let schedule = try Schedule(discretization, solver: solver, steps: steps, process: process)
            schedule.noteOnEnd.map(note)
            return schedule
        case .file(let path, let frames):
            let chosen = try locating(path) { () -> Schedule in
                let chosen = try choose(among: schedules(frames, process))
                try chosen.check(isFor: process)
                return chosen
            }
            chosen.noteOnEnd.map(note)
            return try overridden(chosen, path: path, note: note)
        }
    }

    /// Throws a usage failure if the solver and the budget, as far as they are known without a process, do not fit each
    /// other.
    package func check(fallback: (solver: String, evaluations: Int?)) throws {
        switch source {
        case .discretization(let discretization):
            _ = try budget(of: discretization, process: nil, fallback: fallback)
        case .file: if let solver { _ = try Solver(name: solver, order: order, variant: variant) }
        }
    }

    /// Returns the solver and the number of steps along a named discretization.
    private func budget(
        of discretization: Discretization, process: NoiseProcess?, fallback: (solver: String, evaluations: Int?)
    ) throws -> (solver: Solver, steps: Int) {
        let named = try Solver(name: solver ?? fallback.solver, order: order, variant: variant)
        let fixed = evaluations == nil ? discretization.fixedSteps(process: process) : nil
        if let steps = steps ?? fixed { return (named, steps) }
        guard let budget = evaluations ?? fallback.evaluations else {
            throw Failure(
                .usage, place: "evaluations", "is required with a named schedule", suggestion: "or <steps>")
        }
        // If the process is not known yet, a flow's, whose steps make the fewest evaluations, tells what is too little.
        return try named.plan(evaluations: budget, process: process ?? .flow)
    }

    private func schedules(_ frames: [Frame], _ process: NoiseProcess) throws -> [Schedule] {
        try frames.map { try Schedule(frame: $0, process: process) }
    }

    /// Returns all schedules of the file for a process, whatever their budgets. A list is one.
    package func all(for process: NoiseProcess) throws -> [Schedule] {
        guard case .file(let path, let frames) = source else {
            return [try schedule(for: process, fallback: ("ddim", nil)) { _ in }]
        }
        return try locating(path) {
            let all = try schedules(frames, process)
            for schedule in all { try schedule.check(isFor: process) }
            return all
        }
    }

    /// Returns the schedule that has the requested evaluations or steps, or the only one if nothing is requested.
    private func choose(among schedules: [Schedule]) throws -> Schedule {
        let budgets = try schedules.map { steps == nil ? try $0.evaluations() : $0.steps }
        let coordinate = steps == nil ? "<evaluations>" : "<steps>"
        guard let wanted = steps ?? evaluations else {
            guard schedules.count == 1 else {
                throw Failure(
                    .usage, "holds schedules for \(list(budgets)) evaluations", suggestion: "choose with <evaluations>")
            }
            return schedules[0]
        }
        guard let index = budgets.firstIndex(of: wanted) else {
            throw Failure(.usage, "has no schedule for \(coordinate) \(wanted), only for \(list(budgets))")
        }
        return schedules[index]
    }

    private func list(_ numbers: [Int]) -> String { numbers.map(String.init).joined(separator: ", ") }

    /// Replaces the solver of a file by the given one (paper, Table 8). Learned coefficients belong to the file's solver and
    /// go with it.
    private func overridden(_ schedule: Schedule, path: String, note: (String) -> Void) throws -> Schedule {
        guard solver != nil || order != nil || variant != nil else { return schedule }
        let own = schedule.solver
        let new = try Solver(
            name: solver ?? own.family.name, order: order ?? (solver == nil ? own.order : nil),
            variant: variant ?? (solver == nil ? own.variant : nil))
        guard new != own else { return schedule }
        let coefficients = schedule.coefficients == nil ? "" : " with its learned coefficients"
        note("solver \(own.name) of \(path)\(coefficients) is replaced by \(new.name)")
        var changed = schedule
        changed.solver = new
        changed.coefficients = nil
        return changed
    }
}
