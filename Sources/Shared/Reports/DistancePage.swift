import Diagnostics
import Formats
import Images
import LinearAlgebra
import Metrics
import Plots

/// A page that tells people of the distances of sets of pictures from their reference.
package struct DistancePage {
    private let report: DistanceReport
    private let sets: [NamedSet]
    private let reference: NamedSet
    /// The file to which the statistics were saved, if any.
    private let statisticsFile: String?

    package init(_ report: DistanceReport, of sets: [NamedSet], reference: NamedSet, statisticsFile: String?) {
        self.report = report
        self.sets = sets
        self.reference = reference
        self.statisticsFile = statisticsFile
    }

    /// The elements of the page.
    package func sections() throws -> [String] {
        [HTML.table(table)] + (report.warnings.isEmpty ? [] : [HTML.list(report.warnings)]) + [
            HTML.element("h2", "What was compared"), HTML.definitions(facts),
            try plots(),
        ] + (try pictures())
    }

    // MARK: - Numbers

    /// A row for each set; of several sets, the mean and the least distance at last.
    private var table: [[String]] {
        let entries = report.entries
        typealias Column = (title: String, value: (DistanceReport.Entry) -> String?)
        let columns: [Column] = [
            (report.label, { significant($0.distance.value, digits: 6) }),
            ("from the means", { significant($0.distance.meanTerm, digits: 4) }),
            ("from the covariances", { significant($0.distance.covarianceTerm, digits: 4) }),
            (
                "KID",
                { entry in
                    entry.kernel.map { kernel in
                        significant(kernel.value, digits: 6)
                            + (kernel.subsets > 1 ? " ± \(significant(kernel.deviation, digits: 3))" : "")
                    }
                }
            ),
            ("precision", { $0.precisionRecall.map { significant($0.precision, digits: 4) } }),
            ("recall", { $0.precisionRecall.map { significant($0.recall, digits: 4) } }),
            ("RMSD to the teacher", { $0.rmsd.map { significant($0, digits: 6) } }),
            ("samples", { $0.count.map(String.init) ?? "unknown" }),
        ].filter { column in entries.contains { column.1($0) != nil } }
        let rows = entries.map { entry in [entry.name] + columns.map { $0.value(entry) ?? "" } }
        guard let summary = report.summary else { return [["set"] + columns.map(\.title)] + rows }
        let rest = [String](repeating: "", count: columns.count - 1)
        let mean = "\(significant(summary.mean, digits: 6)) ± \(significant(summary.spread, digits: 3))"
        return [["set"] + columns.map(\.title)] + rows
            + [["mean", mean] + rest, ["least", significant(summary.least, digits: 6)] + rest]
    }

    private var facts: [(name: String, text: String)] {
        var facts = report.entries.map { entry in
            (
                name: report.entries.count > 1 ? entry.name : "samples",
                text: (report.entries.count > 1 ? "" : "\(entry.name), ")
                    + (entry.count.map { counted($0, "sample") } ?? "an unknown number of samples")
                    + (entry.seeds.map { ", seeds \($0)" } ?? "")
            )
        }
        facts += Set(sets.compactMap(\.pipeline)).sorted().map { (name: "samples made by", text: $0) }
        let references = report.referenceCount.map { counted($0, "sample") } ?? "an unknown number of samples"
        facts.append((name: "reference", text: "\(report.reference), \(references)"))
        facts.append(
            (name: "features", text: "\(report.features ?? "unnamed"), \(counted(report.dimension, "number"))"))
        if let rule = report.quantization { facts.append((name: "quantization", text: rule)) }
        if let statisticsFile { facts.append((name: "statistics saved", text: statisticsFile)) }
        facts.append((name: "work", text: work))
        return facts
    }

    private var work: String {
        let pictures = (sets + [reference]).filter(\.features.isOfPictures)
            .compactMap(\.features.statistics.count).reduce(0, +)
        let distances = counted(sets.count, "distance")
        return pictures > 0 ? "features of \(counted(pictures, "picture")), \(distances)" : distances
    }

    // MARK: - Plots and pictures

    private func plots() throws -> String {
        let drawn = sets.prefix(SetExcerpt.setLimit)
        let statistics = reference.features.statistics
        var panels: [Panel] = []
        var texts: [String] = []
        let courses = try zip(drawn, report.entries).compactMap { set, entry -> Series? in
            guard let last = entry.count, !set.features.excerpt.course.isEmpty else { return nil }
            var points = try set.features.excerpt.course.filter { $0.count != last }.map { part in
                Point(Double(part.count ?? 0), try part.distance(to: statistics).value)
            }
            points.append(Point(Double(last), entry.distance.value))
            return points.count > 1 ? Series(set.name, points, style: .lineAndDots) : nil
        }
        if !courses.isEmpty {
            panels.append(
                Panel(
                    title: "enough samples?", horizontal: "samples", vertical: report.label,
                    horizontalScale: .logarithmic, verticalScale: .logarithmic, series: courses))
            texts.append("few samples make the distance too large; it falls until there are enough")
        }
        let target = try statistics.spread()
        // Features that are the same for all samples of the reference have no spread but rounding.
        let axes = target.prefix { $0 > 1e-5 * target[0] }.count
        let spreads = try drawn.map { Series($0.name, values: Array(try $0.features.statistics.spread().prefix(axes))) }
        panels.append(
            Panel(
                title: "spread of the features", horizontal: "principal axis", vertical: "standard deviation",
                verticalScale: .logarithmic,
                series: [Series("reference", values: Array(target.prefix(axes)), style: .dashed, isEmphasized: true)]
                    + spreads))
        texts.append(
            "the deviation of the features along each principal axis, the largest first; a line below the reference's "
                + "means samples that differ less from each other than the reference's do")
        if sets.count > 2 {
            panels.append(
                Panel(
                    title: "distance of each set", horizontal: "set", vertical: report.label,
                    series: [
                        Series(
                            report.label,
                            report.entries.enumerated().map { Point(Double($0.offset + 1), $0.element.distance.value) },
                            style: .lineAndDots)
                    ]))
            texts.append("the distance of each set")
        }
        return try Figure(panels: panels).gallery(texts)
    }

    /// The first pictures of the sets and of the reference, as far as these hold pictures.
    private func pictures() throws -> [String] {
        let captioned = sets.prefix(SetExcerpt.setLimit).map { ($0, $0.name) } + [(reference, "reference")]
        let shown = captioned.filter { set, _ in !set.features.excerpt.pictures.isEmpty }
        guard !shown.isEmpty else { return [] }
        return [
            HTML.element("h2", "The first pictures"),
            HTML.gallery(
                try shown.map { set, caption in (try PictureGrid.png(set.features.excerpt.pictures), caption) }),
        ]
    }
}

extension FeatureStatistics {
    /// Returns the standard deviations along the principal axes, the largest first.
    fileprivate func spread() throws -> [Double] {
        try SymmetricEigen(covariance, dimension: dimension, vectors: false).values.reversed().map {
            max($0, 0).squareRoot()
        }
    }
}
