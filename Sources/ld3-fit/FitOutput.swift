import Commands
import Diagnostics
import Fitting
import Formats
import Images
import TensorStream

/// Where schedules go: the stream as they are found, or a text, and a plot.
struct FitOutput {
    private let format: FitFormat
    private let writer: StreamWriter?
    private let plotFile: String?

    init(_ arguments: Arguments) throws {
        let isTerminal = Descriptor.isTerminal(Descriptor.standardOutput)
        if arguments.isGiven("format") {
            format = try arguments.choice("format")
        } else {
            format = isTerminal ? .text : .stream
        }
        writer = format == .stream ? try .standardOutput(.schedule, entry: arguments.provenance) : nil
        plotFile = arguments.stringIfGiven("plot")
    }

    /// - Parameter count: how many schedules there will be, with the first of them.
    func write(_ fit: Fit, from part: StreamPart, metadata: [String: String], count: Int?) throws {
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
        if format == .json {
            let documents = try fits.map { try $0.json() }
            let json = documents.count == 1 ? documents[0] : .array(documents)
            try Descriptor.write(Descriptor.standardOutput, json.indentedText)
        }
        guard let plotFile else { return }
        let figure = Figure(panels: fits.flatMap(\.figure.panels), columns: 2)
        try Publishing.publish(plotFile, bytes: PNG.encode(figure.render()))
    }
}
