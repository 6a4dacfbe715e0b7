import Commands
import Diagnostics
import FitRequests
import Fitting
import Formats
import Models
import Options
import Reports
import Schedules
import TensorStream

/// Writes the schedules: a stream, as they are found, or a text; and the files for people.
struct FitOutput {
    enum Format: String, CaseIterable { case stream, json, text }

    private let reporter: Reporter
    private let format: Format
    private let export: ScheduleExport?
    private let writer: StreamWriter?
    let files: FitFiles

    /// Throws `usage` if the export is known to refuse the result, `cannotCreate` if a file cannot be had.
    init(_ request: FitRequest) throws {
        let arguments = request.arguments
        if request.export != nil {
            try arguments.refuse(["format"], "cannot be given together with --export, which is a format")
        }
        let isTerminal = Descriptor.isTerminal(Descriptor.standardOutput)
        format =
            arguments.isGiven("format") ? try arguments.choice("format", Format.self) : isTerminal ? .text : .stream
        export = request.export
        if let export {
            try Self.requireRoom(export, request.budgets)
            let learned = request.method.learned
            // With one step there is nothing to learn.
            try export.check(
                modelTimes: learned.contains(.modelTimes) && request.budgets.contains { $0.steps > 1 },
                coefficients: learned.contains(.coefficients))
        }
        reporter = arguments.reporter
        writer = format == .stream && export == nil ? try .standardOutput(.schedule, entry: arguments.provenance) : nil
        files = try FitFiles(arguments)
    }

    /// Throws `usage` if the schedules of these budgets cannot be exported, whatever the fit finds, or samples not be drawn.
    func check(_ model: Model, _ budgets: [Budget]) throws {
        try files.check(model)
        guard let export else { return }
        try Self.requireRoom(export, budgets)
        for budget in budgets { try export.check(process: model.process, steps: budget.steps) }
    }

    private static func requireRoom(_ export: ScheduleExport, _ budgets: [Budget]) throws {
        guard budgets.count == 1 || export.format.holdsSeveral else {
            throw Failure(.usage, place: "export \(export.format.rawValue)", "holds one schedule only")
        }
    }

    /// - Parameter count: how many schedules there will be, with the first of them.
    func write(_ fit: Fit, tiedLoss: Double?, count: Int?) throws {
        if var export {
            guard export.format != .json else { return }
            export.tiedLoss = tiedLoss
            return try export.write(fit.schedule, reporter: reporter)
        }
        switch format {
        case .stream:
            var frame = try fit.schedule.frame()
            frame.metadata[Key.count] = count.map(String.init)
            try writer?.write(frame)
        case .json: break
        case .text: try Descriptor.write(Descriptor.standardOutput, (count == nil ? "\n" : "") + (try fit.text()))
        }
    }

    /// Writes JSON (one document, or an array of them) and the files, which need all schedules.
    func finish(_ fits: [Fit], facts: [(name: String, text: String)]) throws {
        if let documents = try documents(fits) {
            let json = documents.count == 1 ? documents[0] : .array(documents)
            try Descriptor.write(Descriptor.standardOutput, json.indentedText)
        }
        try files.write(fits, facts: facts)
    }

    /// Returns the JSON documents of --format or --export, or nil if neither asks for them.
    private func documents(_ fits: [Fit]) throws -> [JSONValue]? {
        if let export { return export.format == .json ? try fits.map { try $0.schedule.json() } : nil }
        return format == .json ? try fits.map { try $0.json() } : nil
    }
}
