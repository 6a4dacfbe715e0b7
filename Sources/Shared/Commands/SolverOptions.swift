import Diagnostics
import Diffusion
import Foundation
import LatentModels
import Models
import Options
import Schedules
import Solvers
import TensorStream

extension Option {
    package static func solver(default name: String) -> Option {
        .value(
            "solver", "NAME", kind: .checked { _ = try Solver(name: $0) },
            "\(Solver.spellings.joined(separator: ", ")) [\(name)]")
    }
    package static let order = Option.integer(
        "order", "K", in: 1...10, "order of the solver [the highest up to 3; 2 for dpm-solver]")
    package static let variant = Option.value(
        "variant", "WORDS", "deviations from the solver's usual form: bh1, bh2, no-corrector, ... with commas between")
    package static let steps = Option.integer("steps", in: 1...100_000, "number of steps, in place of --nfe")
    package static func nfe(default budget: String) -> Option {
        .integer("nfe", in: 1...100_000, "budget of network evaluations a sample [\(budget)]")
    }
    package static func schedule(default name: String) -> Option {
        .value(
            "schedule", "NAME",
            "\(Discretization.spellings.joined(separator: ", ")), or a file that ld3-fit wrote [\(name)]")
    }
}

extension Arguments {
    /// Returns the request that --solver, --order, --variant, --nfe, --steps and --schedule make. Throws `usage` if they
    /// do not fit each other, as far as that can be known without a model.
    ///
    /// - Parameters:
    ///   - defaultSchedule: the schedule without --schedule; nil if the option is required.
    ///   - fallback: the solver and the budget if neither options nor a file say them.
    package func scheduleRequest(
        defaultSchedule: String?, fallback: (solver: String, evaluations: Int?)
    ) throws -> ScheduleRequest {
        guard let schedule = stringIfGiven("schedule") ?? defaultSchedule else {
            throw Failure(
                .usage, place: "--schedule", "is required",
                suggestion: "a file that ld3-fit wrote, or one of \(Discretization.spellings.joined(separator: ", "))")
        }
        var request = try ScheduleRequest(
            schedule: schedule, solver: stringIfGiven("solver"), order: integerIfGiven("order"),
            variant: stringIfGiven("variant"), evaluations: integerIfGiven("nfe"), steps: integerIfGiven("steps"),
            process: try process())
        request.isDefault = !isGiven("schedule")
        try request.check(fallback: fallback)
        return request
    }

    /// Returns the process of --process, or nil if it was not given. Throws if its table cannot be read.
    package func process() throws -> NoiseProcess? {
        try locating("--process") { try stringIfGiven("process").map { try NoiseProcess(spelling: $0) } }
    }

    /// The model of --model, else of the environment's LD3_MODEL, or nil if neither names one.
    package var modelName: String? {
        if isGiven("model") { return stringIfGiven("model") }
        return ProcessInfo.processInfo.environment["LD3_MODEL"].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The files of --decoder and --text-encoder.
    package var modelParts: [ModelPart: String] {
        var parts: [ModelPart: String] = [:]
        parts[.decoder] = stringIfGiven("decoder")
        parts[.textEncoder] = stringIfGiven("text-encoder")
        return parts
    }

    /// The set of --weights.
    package var weightSet: WeightSet? { stringIfGiven("weights").flatMap { WeightSet(rawValue: $0) } }

    /// Returns the keys by which noise tells for which latent diffusion model it is; none for another model.
    package func identityMetadata(of model: Model?) -> [String: String] {
        guard let model, model.isLatent else { return [:] }
        var keys = model.identityMetadata
        keys[Key.weights] = weightSet?.rawValue
        return keys
    }

    /// Returns the request that the options of `OptionGroup.modelGroup` and `modelDetails` make.
    package func modelRequest() throws -> ModelRequest {
        let request = ModelRequest(
            name: modelName, process: try process(), guidance: doubleIfGiven("guidance"),
            allowsOther: flag("allow-other-model"), architecture: stringIfGiven("architecture"),
            weightSet: weightSet, parts: modelParts,
            precision: try choice("precision"), threads: threads(),
            childTimeout: integerIfGiven("child-timeout"))
        try request.check()
        return request
    }
}
