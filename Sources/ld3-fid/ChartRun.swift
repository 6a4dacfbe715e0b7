import Commands
import Diagnostics
import Formats
import Images
import Options
import Plots

extension OptionGroup {
    static let chart = OptionGroup(
        "chart of results; nothing is measured",
        [
            .value(
                "chart", "FILE",
                "draw comma-separated tables from standard input as PNG: a line of names, then numbers; the first"
                    + " column is x, the others are lines (*NAME: a strong one); a panel for each table after an empty"
                    + " line; # TITLE before the names"),
            .flag("logarithmic", "the chart's vertical axis is logarithmic"),
        ])
}

/// Draws tables from standard input as a picture (--chart).
struct ChartRun {
    /// The length of the longest input, in bytes; a picture could not show a longer table.
    private static let longestInput = 1 << 24

    private let file: String
    private let scale: AxisScale

    init(_ arguments: Arguments) throws {
        file = try arguments.string("chart")
        scale = arguments.flag("logarithmic") ? .logarithmic : .linear
        let allowed = Set((OptionGroup.chart.options + OptionGroup.general.options).map(\.name))
        if let other = arguments.command.options.first(where: {
            !allowed.contains($0.name) && arguments.isGiven($0.name)
        }) {
            throw Failure(.usage, place: "--\(other.name)", "has no meaning with --chart")
        }
        guard arguments.positionals.isEmpty else {
            throw Failure(.usage, place: "--chart", "reads its tables from standard input")
        }
        try Publishing.check(file)
    }

    func run() throws {
        let figure = try locating("standard input") {
            let bytes = try Descriptor.contents(Descriptor.standardInput, limit: Self.longestInput)
            try FileKind.refuse(bytes, wanted: "a table", accepted: [.text])
            return try Figure(tables: String(decoding: bytes, as: UTF8.self), verticalScale: scale)
        }
        try Publishing.publish(file, bytes: PNG.encode(figure.render(scale: 1.5)))
    }
}
