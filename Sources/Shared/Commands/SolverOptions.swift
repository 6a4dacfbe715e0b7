import Diagnostics
import Diffusion
import Foundation
import Models
import Schedules
import Solvers

extension Option {
    package static func solver(default name: String) -> Option {
        .value("solver", "NAME", "\(Solver.spellings.joined(separator: ", ")) [\(name)]")
    }
    package static let order = Option.value("order", "K", "order of the solver [the highest up to 3; 2 for dpm-solver]")
    package static let variant = Option.value(
        "variant", "WORDS", "deviations from the solver's usual form: bh1, bh2, no-corrector, ... with commas between")
    package static let steps = Option.value("steps", "N", "number of steps, in place of --nfe")
    package static func nfe(default budget: String) -> Option {
        .value("nfe", "N", "budget of network evaluations a sample [\(budget)]")
    }
    package static func schedule(default name: String) -> Option {
        .value(
            "schedule", "NAME",
            "\(Discretization.spellings.joined(separator: ", ")), or a file that ld3-fit wrote [\(name)]")
    }
}

extension Arguments {
    /// --solver, --order, --variant, --nfe, --steps and --schedule, with the program's own default for the last.
    package func scheduleRequest(defaultSchedule: String?) throws -> ScheduleRequest {
        guard let schedule = stringIfGiven("schedule") ?? defaultSchedule else {
            throw Failure(
                .usage, place: "--schedule", "is required",
                suggestion: "a file that ld3-fit wrote, or one of \(Discretization.spellings.joined(separator: ", "))")
        }
        return try ScheduleRequest(
            schedule: schedule, solver: stringIfGiven("solver"), order: try integerIfGiven("order", in: 1...10),
            variant: stringIfGiven("variant"), evaluations: try integerIfGiven("nfe", in: 1...100_000),
            steps: try integerIfGiven("steps", in: 1...100_000), process: try process())
    }

    /// The process of --process, if it is given.
    package func process() throws -> NoiseProcess? {
        try stringIfGiven("process").map { name in try locating("--process") { try NoiseProcess(spelling: name) } }
    }

    /// The model of --model, else of the environment's LD3_MODEL, if one of them names one.
    package var modelName: String? {
        if isGiven("model") { return stringIfGiven("model") }
        return ProcessInfo.processInfo.environment["LD3_MODEL"].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The options of `OptionGroup.modelGroup`.
    package func modelRequest() throws -> ModelRequest {
        ModelRequest(
            name: modelName, process: try process(),
            guidance: try doubleIfGiven("guidance", in: -1000...1000), allowsOther: flag("allow-other-model"),
            architecture: stringIfGiven("architecture"), threads: try threads(),
            childTimeout: try integerIfGiven("child-timeout", in: 1...1_000_000) ?? ModelCatalogue.childTimeout)
    }
}
