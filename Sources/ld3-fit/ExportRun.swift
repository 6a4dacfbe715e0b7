import Commands
import Diagnostics
import Diffusion
import Formats
import Models
import Solvers

/// --export of a schedule that was saved before: no pairs are read and nothing is fitted.
struct ExportRun {
    private let arguments: Arguments

    init(_ arguments: Arguments) { self.arguments = arguments }

    func run() throws {
        guard let export = try arguments.export() else {
            throw Failure(
                .usage, place: "--schedule", "is what --export writes", suggestion: "name a format with --export")
        }
        let request = try ScheduleRequest(
            schedule: try arguments.string("schedule"), solver: arguments.stringIfGiven("solver"),
            order: try arguments.integerIfGiven("order", in: 1...10), variant: arguments.stringIfGiven("variant"),
            evaluations: arguments.isGiven("nfe") ? try arguments.integer("nfe", in: 1...1000) : nil,
            steps: try arguments.integerIfGiven("steps", in: 1...1000))
        let process = try NoiseProcess(
            spelling: arguments.stringIfGiven("process") ?? request.origin.metadata["ld3.process"] ?? "edm")
        let schedule = try request.schedule(for: process, fallback: ("ipndm", nil)) { arguments.reporter.note($0) }
        try export.write(schedule, reporter: arguments.reporter)
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
    /// --export with --terminal and --drop-model-times; nil where it is not given.
    func export() throws -> ScheduleExport? {
        guard isGiven("export") else { return nil }
        return ScheduleExport(
            try choice("export"), terminal: isGiven("terminal") ? try choice("terminal") : nil,
            dropsModelTimes: flag("drop-model-times"))
    }
}
