import Diagnostics
import Formats

/// The distances of sets of samples from their reference, as text or as JSON.
package struct DistanceReport: Sendable {
    package struct Entry: Sendable {
        package var name: String
        package var count: Int?
        /// The seeds as "0-99,200"; nil if the samples have none.
        package var seeds: String?
        package var distance: FrechetDistance
        package var kernel: KernelDistance?
        package var precisionRecall: PrecisionRecall?
        /// The root mean square difference from the teacher's samples; nil if the stream carries none.
        package var rmsd: Double?

        package init(
            name: String, statistics: FeatureStatistics, distance: FrechetDistance, kernel: KernelDistance? = nil,
            precisionRecall: PrecisionRecall? = nil, rmsd: Double? = nil
        ) {
            self.name = name
            count = statistics.count
            seeds = statistics.moments.flatMap { $0.seeds.isEmpty ? nil : $0.seeds.text }
            self.distance = distance
            self.kernel = kernel
            self.precisionRecall = precisionRecall
            self.rmsd = rmsd
        }
    }

    package var entries: [Entry]
    package var reference: String
    package var referenceCount: Int?
    /// The name of the feature network; nil if neither side tells it.
    package var features: String?
    package var dimension: Int
    /// The name of the quantization; nil if no samples were quantized.
    package var quantization: String?
    /// The names of the sets, the reference among them, that do not tell which features they hold.
    package var unnamed: [String]

    package init(
        entries: [Entry], reference: String, referenceCount: Int?, features: String?, dimension: Int,
        quantization: String?, unnamed: [String] = []
    ) {
        self.entries = entries
        self.reference = reference
        self.referenceCount = referenceCount
        self.features = features
        self.dimension = dimension
        self.quantization = quantization
        self.unnamed = unnamed
    }

    /// "FID" for Inception's features, "FD(features)" for any others.
    package var label: String {
        guard let features else { return "FD(unnamed features)" }
        return features.hasPrefix("inception-2015-12-05") ? "FID" : "FD(\(features))"
    }

    /// The mean, the standard deviation (over n - 1) and the least of the sets' distances.
    package var summary: (mean: Double, spread: Double, least: Double)? {
        guard entries.count > 1 else { return nil }
        let values = entries.map(\.distance.value)
        let mean = values.reduce(0, +) / Double(values.count)
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        return (mean, (squares / Double(values.count - 1)).squareRoot(), values.min() ?? mean)
    }

    /// A line for each set whose features are taken for granted, and for each whose distance says little because the set
    /// is small.
    package var warnings: [String] {
        let assumed = features.map { features in
            unnamed.map { "\($0): does not tell which features it holds; they are taken for \(features)" }
        }
        return (assumed ?? [])
            + entries.compactMap(\.count).compactMap { count in
                if count <= dimension {
                    "\(count) samples leave a covariance of \(counted(dimension, "feature")) rank-deficient; the distance is biased upwards"
                } else if dimension >= 2048, count < 10_000 {
                    "\(count) samples are few; distances compare only at equal numbers, usually 50000"
                } else {
                    nil
                }
            }
    }

    // MARK: - Text

    package var text: String {
        var lines: [(String, String)] = []
        for entry in entries {
            let suffix = entries.count > 1 ? "  \(entry.name)" : ""
            lines.append((label, significant(entry.distance.value, digits: 6) + suffix))
            if let kernel = entry.kernel {
                let spread = "+- \(significant(kernel.deviation, digits: 3)) (\(kernel.subsets) subsets of"
                let drawn = kernel.subsets > 1 ? "\(spread) \(kernel.subsetSize))" : "(all samples)"
                lines.append(("KID", "\(significant(kernel.value, digits: 6)) \(drawn)"))
            }
            if let both = entry.precisionRecall {
                lines.append(("precision", significant(both.precision, digits: 4)))
                lines.append(("recall", significant(both.recall, digits: 4)))
            }
            if let rmsd = entry.rmsd { lines.append(("RMSD to the teacher", significant(rmsd, digits: 6))) }
            lines.append(("samples", samples(entry.count, entry.seeds)))
            if entry.distance.clipped < -1e-6 {
                lines.append(
                    ("clipped", "eigenvalues down to \(significant(entry.distance.clipped, digits: 3)) of the largest"))
            }
        }
        if let summary {
            lines.append(
                ("mean", "\(significant(summary.mean, digits: 6)) +- \(significant(summary.spread, digits: 3))"))
            lines.append(("least", significant(summary.least, digits: 6)))
        }
        let references = referenceCount.map { counted($0, "sample") } ?? "an unknown number of samples"
        lines.append(("reference", "\(reference), \(references)"))
        lines.append(("features", "\(features ?? "unnamed"), \(counted(dimension, "number"))"))
        if let quantization { lines.append(("quantize", quantization)) }
        let width = (lines.map(\.0.count).max() ?? 0) + 2
        return lines.map { ($0.0 + String(repeating: " ", count: width - $0.0.count) + $0.1).onePrintableLine + "\n" }
            .joined()
    }

    private func samples(_ count: Int?, _ seeds: String?) -> String {
        let seeds = seeds.map { $0.count > 60 ? " (seeds \($0.prefix(57))...)" : " (seeds \($0))" } ?? ""
        return (count.map(String.init) ?? "unknown number") + seeds
    }

    // MARK: - JSON

    package var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("metric", .string(label)), .init("sets", .array(entries.map(Self.json))),
        ]
        if let summary {
            members.append(.init("mean", .number(summary.mean)))
            members.append(.init("deviation", .number(summary.spread)))
            members.append(.init("least", .number(summary.least)))
        }
        members.append(
            .init(
                "reference",
                .object([
                    .init("name", .string(reference)), .init("count", referenceCount.map { .integer($0) } ?? .null),
                ])))
        members.append(
            .init(
                "features",
                .object([
                    .init("name", features.map { .string($0) } ?? .null), .init("dimension", .integer(dimension)),
                ])))
        members.append(.init("quantize", quantization.map { .string($0) } ?? .null))
        return .object(members)
    }

    private static func json(_ entry: Entry) -> JSONValue {
        var members: [JSONValue.Member] = [
            .init("name", .string(entry.name)), .init("distance", .number(entry.distance.value)),
            .init("mean_term", .number(entry.distance.meanTerm)),
            .init("covariance_term", .number(entry.distance.covarianceTerm)),
            .init("clipped", .number(entry.distance.clipped)),
            .init("count", entry.count.map { .integer($0) } ?? .null),
            .init("seeds", entry.seeds.map { .string($0) } ?? .null),
        ]
        if let kernel = entry.kernel {
            members.append(.init("kid", .number(kernel.value)))
            members.append(.init("kid_deviation", .number(kernel.deviation)))
        }
        if let both = entry.precisionRecall {
            members.append(.init("precision", .number(both.precision)))
            members.append(.init("recall", .number(both.recall)))
        }
        if let rmsd = entry.rmsd { members.append(.init("rmsd", .number(rmsd))) }
        return .object(members)
    }
}
