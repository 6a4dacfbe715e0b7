import Commands
import Diagnostics
import Diffusion
import Options
import Schedules
import TensorStream

/// --export of a schedule that was saved before: no pairs are read and nothing is fitted.
struct ExportRun {
    private let arguments: Arguments

    init(_ arguments: Arguments) { self.arguments = arguments }

    func run() throws {
        try checkOptions()
        guard let export = try arguments.export() else {
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
        try export.write(schedule, reporter: arguments.reporter)
    }

    /// Returns the process of --process, else the one that the schedule's file names, else EDM's.
    private func process(of origin: Origin) throws -> NoiseProcess {
        if let process = try arguments.process() { return process }
        return try origin.metadata[Key.process].map { name in
            try locating(origin.place) { try NoiseProcess(named: name, in: Key.process) }
        } ?? .edm
    }

    /// Throws `usage` if an option is given that only a fit has a use for.
    private func checkOptions() throws {
        let used =
            OptionGroup.export.options + [.solver(default: ""), .order, .variant, .nfe(default: ""), .steps, .process]
            + OptionGroup.general.options
        let given = arguments.command.options.map(\.name).filter(arguments.isGiven)
        if let useless = given.first(where: { name in !used.contains { $0.name == name } }) {
            throw Failure.option(
                useless, "cannot be given together with --schedule, by which nothing is fitted")
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

extension OptionGroup {
    static let export = OptionGroup(
        "export to other programs", topic: "export",
        [
            .choice(
                "export", cases: ScheduleExport.Format.self,
                "for other programs instead: " + ScheduleExport.Format.allCases.map(\.rawValue).joined(separator: ", ")),
            .choice(
                "terminal", cases: ScheduleExport.Terminal.self,
                "the exported list's last value: keep, replace-zero or append-zero [as its readers expect]"),
            .integer("resample", in: 1...10_000, "export a list of N steps instead, interpolated in log sigma"),
            .number("from-sigma", "S", in: 0...1e9, "export the list from this noise level on"),
            .flag("drop-model-times", "export without model times and coefficients of their own"),
            .value("schedule", "FILE", "export this saved schedule; nothing is fitted"),
        ]
    ).withoutEffectOnNumbers()
}

extension Arguments {
    /// Returns --export with the options about it, or nil if it is not given.
    func export() throws -> ScheduleExport? {
        let lists = ["terminal", "resample", "from-sigma"]
        guard isGiven("export") else {
            for option in lists + ["drop-model-times"] where isGiven(option) {
                throw Failure.option(
                    option, "is about an export, and there is none", suggestion: "name a format with --export")
            }
            return nil
        }
        let format = try choice("export", ScheduleExport.Format.self)
        for option in lists where isGiven(option) && !format.listsSigmas {
            throw Failure.option(option, "is about a list of noise levels, which \(format.rawValue) is not")
        }
        var export = ScheduleExport(
            format, terminal: isGiven("terminal") ? try choice("terminal", ScheduleExport.Terminal.self) : nil,
            dropsModelTimes: flag("drop-model-times"))
        export.resampledSteps = integerIfGiven("resample")
        export.firstSigma = doubleIfGiven("from-sigma")
        return export
    }
}
