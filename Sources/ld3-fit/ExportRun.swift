import Commands
import Diagnostics
import Diffusion
import FitRequests
import Options
import Schedules
import TensorStream

/// --export of a schedule that was saved before: no pairs are read and nothing is fitted.
struct ExportRun {
    private let arguments: Arguments

    init(_ arguments: Arguments) { self.arguments = arguments }

    func run() throws {
        try checkOptions()
        guard var export = try arguments.export() else {
            throw Failure.option("schedule", "is what --export writes", suggestion: "name a format with --export")
        }
        let evaluations = try arguments.isGiven("nfe") ? FitRequest.evaluations(arguments.string("nfe")) : []
        guard evaluations.count <= 1 else { throw Failure.option("nfe", "must be one number with --schedule") }
        let request = try ScheduleRequest(
            schedule: try arguments.string("schedule"), solver: arguments.stringIfGiven("solver"),
            order: arguments.integerIfGiven("order"), variant: arguments.stringIfGiven("variant"),
            evaluations: evaluations.first, steps: arguments.integerIfGiven("steps"),
            process: try arguments.process())
        let process = try process(of: request.origin)
        let schedule = try request.schedule(for: process, fallback: ("ipndm", nil)) { arguments.reporter.note($0) }
        export.namesSolver = request.tellsSolver
        try export.write(schedule, reporter: arguments.reporter)
    }

    /// Returns a list's process by --model, else that of --process or the one that the schedule's file names, else EDM's.
    private func process(of origin: Origin) throws -> NoiseProcess {
        let recorded = origin.metadata[Key.process]
        if arguments.isGiven("model") {
            if recorded != nil { throw Failure.option("model", "is for a list, and \(origin.place) names its process") }
            return try arguments.modelRequest().open(for: [origin]) { arguments.reporter.note($0) }.process
        }
        if let process = try arguments.process() { return process }
        return try recorded.map { name in
            try locating(origin.place) { try NoiseProcess(named: name, in: Key.process) }
        } ?? .edm
    }

    /// Throws `usage` if an option is given that only a fit has a use for.
    private func checkOptions() throws {
        let groups = OptionGroup.export.options + OptionGroup.general.options
        let own = ["solver", "order", "variant", "nfe", "steps", "process", "model"]
        let used = groups.map(\.name) + own + (arguments.isGiven("model") ? ["architecture"] : [])
        let useless = arguments.command.options.map(\.name).first { arguments.isGiven($0) && !used.contains($0) }
        guard let useless else { return }
        throw Failure.option(useless, "has no use with --schedule alone, by which nothing is fitted")
    }
}
