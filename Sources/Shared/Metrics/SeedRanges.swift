import Diagnostics

/// A set of seeds as sorted inclusive ranges with gaps between them: which samples a statistic has seen.
package struct SeedRanges: Sendable, Equatable {
    package private(set) var ranges: [ClosedRange<Int64>] = []

    package init() {}

    /// Inclusive pairs as files hold them, [R, 2] row-major. Status 65 on a range that is reversed, out of order or
    /// overlaps another, and on an odd number of ends.
    package init(pairs: [Int64]) throws {
        guard pairs.count.isMultiple(of: 2) else { throw Failure(.data, "seeds are not pairs of first and last") }
        for start in stride(from: 0, to: pairs.count, by: 2) {
            guard pairs[start] <= pairs[start + 1] else {
                throw Failure(.data, "seed range \(pairs[start])-\(pairs[start + 1]) is reversed")
            }
            try insert(pairs[start]...pairs[start + 1])
        }
    }

    /// First and last of every range, [R, 2] row-major.
    package var pairs: [Int64] { ranges.flatMap { [$0.lowerBound, $0.upperBound] } }

    /// How many seeds, exact up to 2^53.
    package var count: Double {
        ranges.reduce(0) { $0 + Double(UInt64(bitPattern: $1.upperBound &- $1.lowerBound)) + 1 }
    }
    package var isEmpty: Bool { ranges.isEmpty }
    package var lowest: Int64? { ranges.first?.lowerBound }

    /// Adds `range`, which may not overlap what is there: status 65, naming the first seed that is there twice.
    package mutating func insert(_ range: ClosedRange<Int64>) throws {
        let next = place(of: range.lowerBound)
        if next > 0, ranges[next - 1].upperBound >= range.lowerBound {
            throw Failure(.data, "seed \(range.lowerBound) occurs twice")
        }
        if next < ranges.count, ranges[next].lowerBound <= range.upperBound {
            throw Failure(.data, "seed \(ranges[next].lowerBound) occurs twice")
        }
        let joinsBefore = next > 0 && ranges[next - 1].upperBound == range.lowerBound - 1
        let joinsAfter = next < ranges.count && ranges[next].lowerBound - 1 == range.upperBound
        switch (joinsBefore, joinsAfter) {
        case (false, false): ranges.insert(range, at: next)
        case (true, false): ranges[next - 1] = ranges[next - 1].lowerBound...range.upperBound
        case (false, true): ranges[next] = range.lowerBound...ranges[next].upperBound
        case (true, true):
            ranges[next - 1] = ranges[next - 1].lowerBound...ranges[next].upperBound
            ranges.remove(at: next)
        }
    }

    package mutating func insert(_ seed: Int64) throws { try insert(seed...seed) }

    /// Both sets together; status 65 where they overlap.
    package func union(_ other: SeedRanges) throws -> SeedRanges {
        var result = self
        for range in other.ranges { try result.insert(range) }
        return result
    }

    /// "0-99,200".
    package var text: String {
        ranges.map { $0.lowerBound == $0.upperBound ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }.joined(
            separator: ",")
    }

    /// Index of the first range that starts above `seed`.
    private func place(of seed: Int64) -> Int {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].lowerBound > seed { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
