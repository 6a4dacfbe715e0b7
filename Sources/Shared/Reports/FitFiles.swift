import Commands
import Diagnostics
import Fitting
import Formats
import Images
import Models
import Options
import Plots
import Schedules

/// The files that people look at after a fit: a plot (PNG) and a page (HTML) with the schedules, the plots and the losses.
package struct FitFiles: Sendable {
    package static let options: [Option] = [
        .value("plot", "FILE", "draw the schedule and the course of the losses as PNG"),
        ReportPage.option("schedule, plots, losses, work"),
        .integer(
            "report-samples", in: 1...256,
            "show samples of the first N validation pairs on that page: usual schedule, found one, teacher"),
    ]

    private let plot: String?
    private let page: ReportPage?
    /// The number of pairs whose samples the page shows; nil for none.
    package let sampleCount: Int?

    /// Throws `usage` if samples are asked for without a page, `cannotCreate` if a file cannot be had.
    package init(_ arguments: Arguments) throws {
        plot = arguments.stringIfGiven("plot")
        page = try ReportPage(arguments)
        sampleCount = arguments.integerIfGiven("report-samples")
        if page == nil { try arguments.refuse(["report-samples"], "is for the page of --report, and there is none") }
        if let plot { try Publishing.check(plot) }
    }

    /// Throws `usage` if samples are asked for and those of the model cannot be drawn.
    package func check(_ model: Model) throws {
        guard sampleCount != nil else { return }
        try locating("--report-samples") { try Quantization.round.check(sampleShape: model.pictureShape()) }
    }

    /// Writes the files that were asked for.
    ///
    /// - Parameter facts: what was fitted, under the names of the facts.
    package func write(_ fits: [Fit], facts: [(name: String, text: String)]) throws {
        if let plot {
            let figure = Figure(panels: fits.flatMap(\.figure.panels), columns: 2)
            try Publishing.publish(plot, bytes: PNG.encode(figure.render()))
        }
        try page?.publish([HTML.definitions(facts)] + fits.flatMap(Self.sections))
    }

    /// Returns what a page tells people of one fit: the schedule found, and how.
    private static func sections(_ fit: Fit) throws -> [String] {
        [
            HTML.element("h2", try fit.summary()), HTML.table(try table(fit.schedule)),
            try fit.figure.gallery(["the times beside those of the usual grids", "the losses over the training steps"]),
            HTML.list(fit.remarks + (fit.schedule.coefficients == nil ? [] : [coefficientsRemark])),
        ] + (try fit.samples.map { [try gallery($0)] } ?? [])
    }

    private static let coefficientsRemark = "the coefficients are learned too; the table has the times alone"

    private static func gallery(_ samples: FitSamples) throws -> String {
        let shown = [
            (samples.alongUsual, "the usual schedule, \(samples.usual)"), (samples.alongFound, "the schedule found"),
            (samples.teacher, "the teacher"),
        ]
        let seeds = samples.seeds
        return HTML.element("h3", "Samples of \(counted(seeds.count, "validation pair")), from the same noises")
            + HTML.gallery(
                try shown.map { batch, caption in
                    (try PictureGrid.png(Quantization.round.drawings(batch, seeds: seeds)), caption)
                })
    }

    /// Returns the times of a schedule in all units, a row for each, under the names of the columns.
    private static func table(_ schedule: Schedule) throws -> [[String]] {
        let table = try ScheduleExport(.table, dropsModelTimes: true)(schedule).bytes
        return String(decoding: table, as: UTF8.self).split(separator: "\n").map { line in
            line.split(separator: "\t", omittingEmptySubsequences: false).map {
                $0 == "logsnr" ? "half log-SNR" : String($0)
            }
        }
    }
}

extension PictureGrid {
    /// Returns the PNG file of a grid of all `images`, which must be of one form.
    static func png(_ images: [Image]) throws -> [UInt8] {
        try PNG.encode(PictureGrid(count: images.count).compose(images))
    }
}
