import Diagnostics
import Formats
import Images
import Plots
import PointCloudMetrics
import Tensors

/// A page that tells people of the metrics of sets of clouds.
package struct CloudPage {
    /// The most sets that are drawn, the first ones.
    private static let drawnSets = 4
    /// The samples of a set that are drawn, each above its nearest reference.
    private static let drawnClouds = 6

    private let report: CloudReport

    package init(_ report: CloudReport) { self.report = report }

    /// The elements of the page.
    package func sections() throws -> [String] {
        [
            HTML.table(report.table), HTML.element("h2", "What was compared"), HTML.definitions(facts),
            HTML.element("p", Self.explanation),
        ] + (try report.entries.prefix(Self.drawnSets).flatMap(sections))
    }

    private static let explanation =
        "MMD is the mean distance of a reference to the nearest sample, COV the share of the references that are "
        + "nearest to some sample, 1-NNA the share of clouds whose nearest neighbour is of their own set (50 % is "
        + "best), and JSD compares the space that both sets fill. Distances are Chamfer distances (CD)."

    private var facts: [(name: String, text: String)] {
        report.entries.map { entry in
            (
                name: report.entries.count > 1 ? entry.name : "samples",
                text: (report.entries.count > 1 ? "" : "\(entry.name), ") + counted(entry.count, "cloud")
                    + (entry.seeds.map { ", seeds \($0)" } ?? "")
            )
        }
            + Set(report.entries.compactMap(\.samples.pipeline)).sorted().map { ("samples made by", $0) } + [
                ("reference", "\(report.reference), \(counted(report.references.count, "cloud"))"),
                ("scale", report.scale.rawValue), ("work", work),
            ]
    }

    private var work: String {
        let references = report.references.count
        func within(_ count: Int) -> Int { count * (count - 1) / 2 }
        let distances = report.entries.reduce(0) { sum, entry in
            sum + entry.count * references + (entry.metrics.neighbours == nil ? 0 : within(entry.count))
        }
        let hasNeighbours = report.entries.contains { $0.metrics.neighbours != nil }
        return counted(distances + (hasNeighbours ? within(references) : 0), "Chamfer distance")
    }

    private func sections(_ entry: CloudReport.Entry) throws -> [String] {
        let count = min(Self.drawnClouds, entry.count)
        let samples = Array(entry.samples.clouds.prefix(count))
        let nearest = entry.metrics.nearestReferences.prefix(count).map { report.references.clouds[$0] }
        let images = try (samples + nearest).flatMap { cloud in
            try Quantization.round.drawings(
                Tensor(shape: [1, cloud.count, 3], elements: cloud.coordinates), seeds: [])
        }
        let grid = try PictureGrid(rows: 2, columns: count).compose(images)
        return [
            HTML.element("h2", entry.name),
            try figure(entry).gallery(["the share of clouds whose nearest cloud is within a distance"]),
            HTML.element("h3", "The first samples, each above its nearest reference"),
            HTML.picture(png: try PNG.encode(grid), "the first samples, each above its nearest reference"),
        ]
    }

    /// A plot of the share of clouds whose nearest cloud of the other set is within a distance, beside the share of the
    /// references whose nearest other reference is.
    private func figure(_ entry: CloudReport.Entry) -> Figure {
        func series(_ name: String, _ distances: [Double], style: Series.Style = .line, isEmphasized: Bool = false)
            -> Series
        {
            let count = Double(distances.count)
            return Series(
                name,
                distances.sorted().enumerated().map { Point($0.element * 1000, Double($0.offset + 1) / count * 100) },
                style: style, isEmphasized: isEmphasized)
        }
        var all = [
            series("reference to nearest sample", entry.metrics.referenceDistances, isEmphasized: true),
            series("sample to nearest reference", entry.metrics.sampleDistances),
        ]
        if let neighbours = entry.metrics.neighbours {
            all.append(series("reference to nearest other", neighbours.referenceDistances, style: .dashed))
        }
        return Figure(panels: [
            Panel(
                title: "how near the nearest is", horizontal: "CD x 1000", vertical: "% of the clouds within",
                horizontalScale: .logarithmic, series: all)
        ])
    }
}
