import Diagnostics

/// A set of seeds, kept as sorted inclusive ranges with gaps between them.
package struct SeedRanges: Sendable, Equatable {
    package private(set) var ranges: [ClosedRange<Int64>] = []

    package init() {}

    /// `ranges` must rise and leave gaps between them.
    init(rising ranges: [ClosedRange<Int64>]) { self.ranges = ranges }

    /// Makes a set from inclusive pairs, [R, 2] in row-major order, as files hold them. Throws `.data` if a range is
    /// reversed or overlaps another, or if the number of ends is odd.
    package init(pairs: [Int64]) throws {
        guard pairs.count.isMultiple(of: 2) else { throw Failure(.data, "seeds are not pairs of first and last") }
        for start in stride(from: 0, to: pairs.count, by: 2) {
            guard pairs[start] <= pairs[start + 1] else {
                throw Failure(.data, "seed range \(pairs[start])-\(pairs[start + 1]) is reversed")
            }
            guard (try? insert(pairs[start]...pairs[start + 1])) != nil else {
                throw Failure(.data, "seed range \(pairs[start])-\(pairs[start + 1]) overlaps another")
            }
        }
    }

    /// The first and the last seed of every range, [R, 2] in row-major order.
    package var pairs: [Int64] { ranges.flatMap { [$0.lowerBound, $0.upperBound] } }

    /// The number of seeds, exact up to 2^53.
    package var count: Double {
        ranges.reduce(0) { $0 + Double(UInt64(bitPattern: $1.upperBound &- $1.lowerBound)) + 1 }
    }
    package var isEmpty: Bool { ranges.isEmpty }
    package var lowest: Int64? { ranges.first?.lowerBound }

    /// Adds `range`. Throws `.data`, naming the first seed that would be there twice, if it overlaps the set.
    package mutating func insert(_ range: ClosedRange<Int64>) throws {
        let next = place(of: range.lowerBound)
        if next > 0, ranges[next - 1].upperBound >= range.lowerBound {
            throw Self.repetition(of: range.lowerBound)
        }
        if next < ranges.count, ranges[next].lowerBound <= range.upperBound {
            throw Self.repetition(of: ranges[next].lowerBound)
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

    /// Returns both sets together. Throws `.data` if they overlap.
    package func union(_ other: SeedRanges) throws -> SeedRanges {
        var result = self
        for range in other.ranges { try result.insert(range) }
        return result
    }

    /// The set as text: "0-99,200".
    package var text: String {
        ranges.map { $0.lowerBound == $0.upperBound ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }.joined(
            separator: ",")
    }

    private static func repetition(of seed: Int64) -> Failure {
        Failure(.data, "seed \(seed) occurs twice", suggestion: remedy)
    }

    /// The remedy if seeds come twice that are none.
    static let remedy = "if the numbers of the samples are no seeds, give <no seeds>"

    /// Returns the index of the first range that begins above `seed`.
    private func place(of seed: Int64) -> Int {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].lowerBound > seed { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
