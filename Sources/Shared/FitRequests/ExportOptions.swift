import Commands
import Diagnostics
import Options
import Schedules

extension ScheduleExport {
    /// Writes the schedule to standard output and tells what the user should know about it.
    package func write(_ schedule: Schedule, reporter: Reporter) throws {
        let (bytes, notes) = try self(schedule)
        for note in notes { reporter.note(note) }
        guard !Descriptor.isTerminal(Descriptor.standardOutput) || format.isText else {
            throw Failure(.usage, place: "standard output", "is a terminal, which cannot show \(format.rawValue)")
        }
        try Descriptor.write(Descriptor.standardOutput, bytes)
    }
}

extension ScheduleExport.Format {
    package var isText: Bool { self != .npy && self != .ld3 }
}

extension OptionGroup {
    package static let export = OptionGroup(
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
    package func export() throws -> ScheduleExport? {
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
