import Checkpoints
import Diagnostics
import Formats

/// Adds files of statistics up. Only one of them is in memory at a time, so their number does not matter.
package enum StatisticsMerge {
    /// Returns the statistics of all files together. They are added in the order of their lowest seeds, so the bits do not
    /// depend on the order of `paths`.
    ///
    /// - Parameter hasSeeds: whether the numbers of samples are seeds; if not, they are left out.
    ///
    /// Throws `.noInput` or `.data`, naming the file, if one cannot be read or merged; and `.data`, naming the seeds as
    /// ranges, if two files share some.
    package static func merged(_ paths: [String], hasSeeds: Bool = true) throws -> FeatureStatistics {
        let parts = try paths.map { try Part(path: $0, hasSeeds: hasSeeds) }.sorted { $0.precedes($1) }
        try SeedRanges.requireDisjoint(parts.map { ($0.path, $0.seeds) })
        guard let first = parts.first else { throw Failure(.data, "nothing to merge") }
        var total = try FeatureStatistics.merge([(first.path, FeatureStatistics(file: first.path))], hasSeeds: hasSeeds)
        for part in parts.dropFirst() {
            total = try FeatureStatistics.merge(
                [(first.path, total), (part.path, FeatureStatistics(file: part.path))], hasSeeds: hasSeeds)
        }
        return total
    }

    /// The numbers that decide the place of a file in the sum.
    private struct Part {
        let path: String
        let seeds: SeedRanges
        let count: Int64
        /// Empty if the seeds decide.
        let sum: [Double]

        init(path: String, hasSeeds: Bool) throws {
            self.path = path
            let names: [String]
            let read: (String) throws -> NamedTensor
            if try NPZFile.isMeant(by: path) {
                let file = try NPZFile(path: path)
                (names, read) = (file.names, file.array)
            } else {
                try FeatureStatistics.refusePickle(path)
                let file = try SafetensorsFile(path: path)
                (names, read) = (file.tensorNames, file.tensor)
            }
            func array(_ name: String) throws -> NamedTensor? { names.contains(name) ? try read(name) : nil }
            (seeds, count, sum) = try locating(path) {
                let seeds = try hasSeeds ? SeedRanges(pairs: array("seeds")?.int64s() ?? []) : SeedRanges()
                return (
                    seeds, try array("count")?.int64s().first ?? 0,
                    try seeds.isEmpty ? array("sum")?.doubles() ?? [] : []
                )
            }
        }

        /// By the lowest seed; then parts without seeds, by count and sum.
        func precedes(_ other: Part) -> Bool {
            let (mine, theirs) = (seeds.lowest ?? .max, other.seeds.lowest ?? .max)
            if mine != theirs { return mine < theirs }
            if count != other.count { return count < other.count }
            return sum.lexicographicallyPrecedes(other.sum)
        }
    }
}

extension SeedRanges {
    /// Throws `.data` if parts share seeds, naming two of these parts with the seeds that both have, and all seeds that
    /// are in more than one part.
    static func requireDisjoint(_ parts: [(place: String, seeds: SeedRanges)]) throws {
        let ranges = parts.indices.flatMap { part in parts[part].seeds.ranges.map { (range: $0, part: part) } }
            .sorted { $0.range.lowerBound < $1.range.lowerBound }
        for (one, next) in zip(ranges, ranges.dropFirst()) where next.range.lowerBound <= one.range.upperBound {
            let (place, other) = (parts[next.part].place, parts[one.part].place)
            guard place != other else { throw Failure(.data, place: place, "is given twice") }
            let shared = parts[next.part].seeds.intersection(parts[one.part].seeds)
            let all = repeated(in: ranges.map(\.range))
            throw Failure(
                .data, place: place,
                "\(shared.brief) \(shared.count == 1 ? "is" : "are") in \(other) too"
                    + (all == shared ? "" : "; \(all.brief) are in more than one file"),
                suggestion: remedy)
        }
    }

    /// Returns the seeds that are in more than one of `ranges`, which are sorted by their lower bounds.
    private static func repeated(in ranges: [ClosedRange<Int64>]) -> SeedRanges {
        var repeated: [ClosedRange<Int64>] = []
        var reach: Int64?
        for range in ranges {
            if let reach, range.lowerBound <= reach {
                let piece = range.lowerBound...min(range.upperBound, reach)
                if let last = repeated.last,
                    piece.lowerBound <= last.upperBound || piece.lowerBound - 1 == last.upperBound
                {
                    repeated[repeated.count - 1] = last.lowerBound...max(last.upperBound, piece.upperBound)
                } else {
                    repeated.append(piece)
                }
            }
            reach = max(reach ?? range.upperBound, range.upperBound)
        }
        return SeedRanges(rising: repeated)
    }

    /// The seeds between the lowest and the highest that are not in the set.
    package var gaps: SeedRanges {
        SeedRanges(rising: zip(ranges, ranges.dropFirst()).map { $0.upperBound + 1...$1.lowerBound - 1 })
    }

    /// Returns the seeds that are in both sets.
    func intersection(_ other: SeedRanges) -> SeedRanges {
        var shared: [ClosedRange<Int64>] = []
        var (mine, theirs) = (ranges[...], other.ranges[...])
        while let one = mine.first, let two = theirs.first {
            if one.overlaps(two) { shared.append(one.clamped(to: two)) }
            if one.upperBound < two.upperBound { mine.removeFirst() } else { theirs.removeFirst() }
        }
        return SeedRanges(rising: shared)
    }

    /// The set as text for a message, such as "seeds 0-99,200", cut short if there are many ranges.
    package var brief: String {
        let shown = SeedRanges(rising: Array(ranges.prefix(8)))
        let rest = ranges.count - shown.ranges.count
        return (count == 1 ? "seed " : "seeds ") + shown.text + (rest > 0 ? " and \(rest) more ranges" : "")
    }
}
