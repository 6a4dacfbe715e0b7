import Commands
import Diagnostics
import Diffusion
import Formats
import Models
import Schedules
import Solvers
import TensorStream

/// --export of a schedule that was saved before: no pairs are read and nothing is fitted.
struct ExportRun {
    private let arguments: Arguments

    init(_ arguments: Arguments) { self.arguments = arguments }

    func run() throws {
        try checkOptions()
        guard let export = try arguments.export() else {
            throw Failure(
                .usage, place: "--schedule", "is what --export writes", suggestion: "name a format with --export")
        }
        let request = try ScheduleRequest(
            schedule: try arguments.string("schedule"), solver: arguments.stringIfGiven("solver"),
            order: try arguments.integerIfGiven("order", in: 1...10), variant: arguments.stringIfGiven("variant"),
            evaluations: arguments.isGiven("nfe") ? try arguments.integer("nfe", in: 1...1000) : nil,
            steps: try arguments.integerIfGiven("steps", in: 1...1000), process: try arguments.process())
        let process = try process(of: request.origin)
        let schedule = try request.schedule(for: process, fallback: ("ipndm", nil)) { arguments.reporter.note($0) }
        try export.write(schedule, reporter: arguments.reporter)
    }

    /// Returns the process of --process, else the one that the schedule's file names, else EDM's.
    private func process(of origin: Origin) throws -> NoiseProcess {
        if let process = try arguments.process() { return process }
        return try origin.metadata[Key.process].map { name in
            try locating(origin.place) { try NoiseProcess(named: name, in: Key.process) }
        } ?? .edm
    }

    /// Throws where an option is given that only a fit has a use for.
    private func checkOptions() throws {
        let own = [
            "schedule", "export", "terminal", "resample", "from-sigma", "drop-model-times", "solver", "order",
            "variant", "nfe", "steps",
            "process",
        ]
        let used = own + OptionGroup.general.options.map(\.name)
        let given = arguments.command.options.map(\.name).filter(arguments.isGiven)
        if let useless = given.first(where: { !used.contains($0) }) {
            throw Failure(
                .usage, place: "--\(useless)", "cannot be given together with --schedule, by which nothing is fitted")
        }
    }
}

extension ScheduleExport {
    /// Writes the schedule to standard output and tells what the user should know about it.
    func write(_ schedule: Schedule, reporter: Reporter) throws {
        let (bytes, notes) = try self(schedule)
        for note in notes { reporter.note(note) }
        guard !Descriptor.isTerminal(Descriptor.standardOutput) || format.isText else {
            throw Failure(.usage, place: "standard output", "is a terminal, which cannot show \(format.rawValue)")
        }
        try Descriptor.write(Descriptor.standardOutput, bytes)
    }
}

extension ScheduleExport.Format {
    var isText: Bool { self != .npy && self != .ld3 }
}

extension Arguments {
    /// --export with the options about it; nil where it is not given.
    func export() throws -> ScheduleExport? {
        guard isGiven("export") else {
            for option in ["terminal", "resample", "from-sigma", "drop-model-times"] where isGiven(option) {
                throw Failure(
                    .usage, place: "--\(option)", "is about an export, and there is none",
                    suggestion: "name a format with --export")
            }
            return nil
        }
        let format: ScheduleExport.Format = try choice("export")
        let terminal: ScheduleExport.Terminal? = isGiven("terminal") ? try choice("terminal") : nil
        for option in ["terminal", "resample", "from-sigma"] where isGiven(option) && !format.listsSigmas {
            throw Failure(
                .usage, place: "--\(option)", "is about a list of noise levels, which \(format.rawValue) is not")
        }
        var export = ScheduleExport(format, terminal: terminal, dropsModelTimes: flag("drop-model-times"))
        export.resampledSteps = try integerIfGiven("resample", in: 1...10_000)
        export.firstSigma = try doubleIfGiven("from-sigma", in: 0...1e9)
        return export
    }
}
