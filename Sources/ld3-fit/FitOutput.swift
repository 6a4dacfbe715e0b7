import Commands
import Diagnostics
import Fitting
import Formats
import Images
import Plots
import Schedules
import Solvers
import TensorStream

/// Where schedules go: the stream as they are found, or a text, and a plot.
struct FitOutput {
    static let exportHelp =
        "for other programs instead: " + ScheduleExport.Format.allCases.map(\.rawValue).joined(separator: ", ")

    private let reporter: Reporter
    private let format: FitFormat
    private let export: ScheduleExport?
    private let writer: StreamWriter?
    private let plotFile: String?

    /// - Parameter plans: what will be fitted. Throws where the export is known to refuse what comes out.
    init(_ arguments: Arguments, plans: [(solver: Solver, steps: Int)]) throws {
        let isTerminal = Descriptor.isTerminal(Descriptor.standardOutput)
        if arguments.isGiven("format") {
            format = try arguments.choice("format")
        } else {
            format = isTerminal ? .text : .stream
        }
        export = try arguments.export()
        if let export {
            guard plans.count == 1 || export.format.isText else {
                throw Failure(.usage, place: "--export \(export.format.rawValue)", "holds one schedule only")
            }
            // With one step there is nothing to learn.
            let kind = try arguments.fitKind()
            try export.check(
                modelTimes: kind.modelTimes && plans.contains { $0.steps > 1 }, coefficients: kind.coefficients)
        }
        reporter = arguments.reporter
        writer = format == .stream && export == nil ? try .standardOutput(.schedule, entry: arguments.provenance) : nil
        plotFile = arguments.stringIfGiven("plot")
        if let plotFile { try Publishing.check(plotFile) }
    }

    /// - Parameter count: how many schedules there will be, with the first of them.
    func write(_ fit: Fit, from part: StreamPart, metadata: [String: String], count: Int?) throws {
        if var export {
            guard export.format != .json else { return }
            export.tiedLoss = fit.tiedLoss
            return try export.write(fit.schedule, reporter: reporter)
        }
        switch format {
        case .stream:
            let frame = try fit.schedule.frame()
            try writer?.write(
                frame.tensors, from: part, count: count, metadata: metadata.merging(frame.metadata) { _, new in new })
        case .json: break
        case .text: try Descriptor.write(Descriptor.standardOutput, (count == nil ? "\n" : "") + fit.text)
        }
    }

    /// What needs all schedules: JSON (one document, or an array of them) and the plot.
    func finish(_ fits: [Fit]) throws {
        if let documents = try documents(fits) {
            let json = documents.count == 1 ? documents[0] : .array(documents)
            try Descriptor.write(Descriptor.standardOutput, json.indentedText)
        }
        guard let plotFile else { return }
        let figure = Figure(panels: fits.flatMap(\.figure.panels), columns: 2)
        try Publishing.publish(plotFile, bytes: PNG.encode(figure.render()))
    }

    /// The JSON documents of --format or --export; nil where neither asks for them.
    private func documents(_ fits: [Fit]) throws -> [JSONValue]? {
        if let export { return export.format == .json ? try fits.map { try $0.schedule.json() } : nil }
        return format == .json ? try fits.map { try $0.json() } : nil
    }
}
