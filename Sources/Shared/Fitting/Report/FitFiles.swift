import Diagnostics
import Formats
import Images
import Options
import Plots
import Schedules

/// The files that people look at after a fit: a plot (PNG) and a page (HTML) with the schedules, the plots and the losses.
package struct FitFiles: Sendable {
    package static let options: [Option] = [
        .value("plot", "FILE", "draw the schedule and the course of the losses as PNG"),
        .value("report", "FILE", "write a page of HTML: schedule, plots, losses, work"),
    ]

    private let plot: String?
    private let page: String?
    private let command: String

    /// - Parameter command: the command line, for the page.
    ///
    /// Throws `cannotCreate` if a file cannot be had.
    package init(_ values: some OptionValues, command: String) throws {
        plot = values.stringIfGiven("plot")
        page = values.stringIfGiven("report")
        self.command = command
        for file in [plot, page].compactMap({ $0 }) { try Publishing.check(file) }
    }

    /// Writes the files that were asked for.
    package func write(_ fits: [Fit]) throws {
        if let plot {
            let figure = Figure(panels: fits.flatMap(\.figure.panels), columns: 2)
            try Publishing.publish(plot, bytes: PNG.encode(figure.render()))
        }
        if let page { try Publishing.publish(page, bytes: Array(Self.page(of: fits, command: command).utf8)) }
    }

    /// Returns a page that tells people what was found, and how.
    static func page(of fits: [Fit], command: String) throws -> String {
        let sections = try fits.flatMap { fit in
            [
                HTML.element("h2", try fit.summary()), HTML.table(try table(fit.schedule)),
                HTML.picture(
                    png: try PNG.encode(fit.figure.render()),
                    "the times beside those of the usual grids, and the losses over the training steps"),
                HTML.list(fit.remarks + (fit.schedule.coefficients == nil ? [] : [coefficientsRemark])),
            ]
        }
        return HTML.page(
            title: "ld3-fit", body: [HTML.element("h1", "ld3-fit"), HTML.element("pre", command)] + sections)
    }

    private static let coefficientsRemark = "the coefficients are learned too; the table has the times alone"

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
