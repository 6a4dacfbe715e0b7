import Diagnostics
import Formats
import Metrics

/// The report of sets of clouds and their reference, as text or as JSON. The text shows distances and the
/// divergence times 1000 and shares in percent, as the tables of the papers do; JSON has the plain numbers.
package struct CloudReport: Sendable {
    package struct Entry: Sendable {
        package var name: String
        package var samples: CloudSamples
        package var count: Int { samples.count }
        /// Such as "0-99,200"; nil if the samples have none, or one comes twice.
        package var seeds: String?
        package var metrics: CloudMetrics
        /// The root of the mean squared difference from the teacher's clouds; nil without a teacher.
        package var rmsd: Double?

        package init(name: String, samples: CloudSamples, metrics: CloudMetrics) {
            self.name = name
            self.samples = samples
            if let given = samples.seeds {
                var ranges = SeedRanges()
                let isUnique = given.sorted().allSatisfy { (try? ranges.insert($0)) != nil }
                seeds = isUnique ? ranges.text : nil
            }
            self.metrics = metrics
            rmsd = samples.squaredErrors.map { ($0.reduce(0, +) / Double(max($0.count, 1))).squareRoot() }
        }
    }

    package var entries: [Entry]
    package var reference: String
    package var references: CloudSamples
    package var scale: CloudScale

    package init(entries: [Entry], reference: String, references: CloudSamples, scale: CloudScale) {
        self.entries = entries
        self.reference = reference
        self.references = references
        self.scale = scale
    }

    /// One number of an entry: its name in the text and in JSON, the factor of the text, and its unit there.
    private struct Figure: Sendable {
        var title: String
        var key: String
        var factor: Double
        var unit = ""
        var value: @Sendable (Entry) -> Double?
    }

    private static let figures: [Figure] = [
        Figure(title: "MMD-CD x 1000", key: "mmd_cd", factor: 1000) { $0.metrics.minimumMatchingDistance },
        Figure(title: "COV-CD", key: "cov_cd", factor: 100, unit: " %") { $0.metrics.coverage },
        Figure(title: "1-NNA-CD", key: "nna_cd", factor: 100, unit: " %") { $0.metrics.neighbours?.all },
        Figure(title: "JSD x 1000", key: "jsd", factor: 1000) { $0.metrics.divergence },
        Figure(title: "RMSD to the teacher", key: "rmsd", factor: 1) { $0.rmsd },
    ]

    /// Mean and standard deviation (over n - 1) of a figure over several sets that all have it.
    private func summary(_ figure: Figure) -> (mean: Double, deviation: Double)? {
        let values = entries.compactMap(figure.value)
        guard entries.count > 1, values.count == entries.count else { return nil }
        let mean = values.reduce(0, +) / Double(values.count)
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        return (mean, (squares / Double(values.count - 1)).squareRoot())
    }

    package var text: String {
        var lines: [(String, String)] = []
        for entry in entries {
            if entries.count > 1 { lines.append(("set", entry.name)) }
            for figure in Self.figures {
                guard let value = figure.value(entry) else { continue }
                lines.append((figure.title, significant(value * figure.factor, digits: 4) + figure.unit))
            }
            let seeds = entry.seeds.map { $0.count > 60 ? " (seeds \($0.prefix(57))...)" : " (seeds \($0))" } ?? ""
            lines.append(("samples", "\(entry.count)\(seeds)"))
        }
        for figure in Self.figures {
            guard let (mean, deviation) = summary(figure) else { continue }
            let spread = significant(deviation * figure.factor, digits: 2)
            let text = "\(significant(mean * figure.factor, digits: 4)) +- \(spread)\(figure.unit)"
            lines.append(("mean \(figure.title)", text))
        }
        lines.append(("reference", "\(reference), \(references.count) clouds"))
        lines.append(("scale", scale.rawValue))
        let width = (lines.map(\.0.count).max() ?? 0) + 2
        return lines.map { ($0.0 + String(repeating: " ", count: width - $0.0.count) + $0.1).onePrintableLine + "\n" }
            .joined()
    }

    /// The figures that every set has, a row for each set under their names; of several sets, mean and deviation at last.
    package var table: [[String]] {
        let figures = Self.figures.filter { figure in entries.allSatisfy { figure.value($0) != nil } }
        func number(_ value: Double, _ figure: Figure, digits: Int = 4) -> String {
            significant(value * figure.factor, digits: digits)
        }
        let rows = entries.map { entry in
            [entry.name]
                + figures.map { figure in figure.value(entry).map { number($0, figure) + figure.unit } ?? "" }
                + ["\(entry.count)"]
        }
        let means = figures.compactMap { figure in
            summary(figure).map { "\(number($0, figure)) ± \(number($1, figure, digits: 2))\(figure.unit)" }
        }
        return [["set"] + figures.map(\.title) + ["clouds"]] + rows + (means.isEmpty ? [] : [["mean"] + means + [""]])
    }

    package var json: JSONValue {
        var members: [JSONValue.Member] = [.init("metric", "clouds"), .init("sets", .array(entries.map(Self.json)))]
        let summaries = Self.figures.compactMap { figure in summary(figure).map { (figure.key, $0) } }
        if !summaries.isEmpty {
            members.append(.init("mean", .object(summaries.map { .init($0.0, .number($0.1.mean)) })))
            members.append(.init("deviation", .object(summaries.map { .init($0.0, .number($0.1.deviation)) })))
        }
        members.append(
            .init(
                "reference", .object([.init("name", .string(reference)), .init("count", .integer(references.count))])))
        members.append(.init("normalize", .string(scale.rawValue)))
        return .object(members)
    }

    private static func json(_ entry: Entry) -> JSONValue {
        var members: [JSONValue.Member] = [
            .init("name", .string(entry.name)), .init("count", .integer(entry.count)),
            .init("seeds", entry.seeds.map { .string($0) } ?? .null),
        ]
        for figure in figures {
            if let value = figure.value(entry) { members.append(.init(figure.key, .number(value))) }
        }
        members.append(.init("mmd_cd_samples", .number(entry.metrics.sampleDistance)))
        if let neighbours = entry.metrics.neighbours {
            members.append(.init("nna_cd_references", .number(neighbours.references)))
            members.append(.init("nna_cd_samples", .number(neighbours.samples)))
        }
        return .object(members)
    }
}
