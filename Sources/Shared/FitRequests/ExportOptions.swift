import Commands
import Diagnostics
import Options
import Schedules

extension ScheduleExport {
    /// Writes the schedule to standard output and tells what the user should know about it.
    package func write(_ schedule: Schedule, reporter: Reporter) throws {
        let (bytes, notes) = try self(schedule)
        for note in notes { reporter.note(note) }
        try Descriptor.write(Descriptor.standardOutput, bytes)
    }
}

extension ScheduleExport {
    /// Returns the range of sigma that "MIN,MAX" says.
    package static func range(_ text: String) throws -> ClosedRange<Double> {
        let ends = text.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
        guard ends.count == 2, let low = ends[0], let high = ends[1], low > 0, high > low, high.isFinite else {
            throw Failure(
                .usage, "`\(text)` is not two noise levels, 0 < MIN < MAX", suggestion: "for example 0.002,80")
        }
        return low...high
    }
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
            .value(
                "range", "MIN,MAX", kind: .checked { _ = try ScheduleExport.range($0) },
                "export the list rescaled in log sigma to this range; not learned so"),
            .number("split", "S", in: 0...1e9, "export two lists, for two models, cut at this noise level"),
            .flag("drop-model-times", "export without model times and coefficients of their own"),
            .value("schedule", "FILE", "export this saved schedule; nothing is fitted"),
        ]
    ).withoutEffectOnNumbers()
}

extension Arguments {
    /// Returns --export with the options about it, or nil if it is not given.
    package func export() throws -> ScheduleExport? {
        let lists = ["terminal", "resample", "from-sigma", "range", "split"]
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
        guard !Descriptor.isTerminal(Descriptor.standardOutput) || format.isText else {
            throw Failure(.usage, place: "standard output", "is a terminal, which cannot show \(format.rawValue)")
        }
        var export = ScheduleExport(
            format, terminal: isGiven("terminal") ? try choice("terminal", ScheduleExport.Terminal.self) : nil,
            dropsModelTimes: flag("drop-model-times"))
        export.resampledSteps = integerIfGiven("resample")
        export.firstSigma = doubleIfGiven("from-sigma")
        export.cutSigma = doubleIfGiven("split")
        export.range = try stringIfGiven("range").map(ScheduleExport.range)
        return export
    }
}
