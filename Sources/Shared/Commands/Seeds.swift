import Diagnostics

/// The seeds of a run, in the order given: `0-49999,60000`.
package struct SeedList: Sendable, Equatable {
    package let ranges: [ClosedRange<Int64>]
    package let count: Int

    /// 0 ..< count.
    package init(count: Int) { self.init(ranges: count > 0 ? [0...Int64(count) - 1] : [], count: count) }

    /// Numbers and inclusive ranges separated by commas. Throws `.usage` on anything else and on a repeated seed.
    package init(parsing text: String) throws {
        var ranges: [ClosedRange<Int64>] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Self.number($0) }
            guard ends.count <= 2, let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last else {
                throw Failure(.usage, "`\(part)` is neither a seed nor a range of them, such as 0-99")
            }
            ranges.append(first...last)
        }
        let sorted = ranges.sorted { $0.lowerBound < $1.lowerBound }
        for (one, next) in zip(sorted, sorted.dropFirst()) where next.lowerBound <= one.upperBound {
            throw Failure(.usage, "seed \(next.lowerBound) is repeated")
        }
        let total = ranges.reduce(into: (count: Int64(0), overflow: false)) { sum, range in
            let (length, overflow) = (range.upperBound - range.lowerBound).addingReportingOverflow(1)
            let added = sum.count.addingReportingOverflow(length)
            sum = (added.partialValue, sum.overflow || overflow || added.overflow)
        }
        guard !total.overflow else { throw Failure(.usage, "more seeds than can be counted") }
        self.init(ranges: ranges, count: Int(total.count))
    }

    private init(ranges: [ClosedRange<Int64>], count: Int) {
        self.ranges = ranges
        self.count = count
    }

    private static func number(_ text: Substring) -> Int64? {
        text.allSatisfy { $0.isASCII && $0.isNumber } ? Int64(text) : nil
    }

    /// The seeds at `places` of the list.
    package func slice(_ places: Range<Int>) -> SeedList {
        var result: [ClosedRange<Int64>] = []
        var start = 0
        for range in ranges {
            let length = Int(range.upperBound - range.lowerBound) + 1
            let part = places.clamped(to: start..<start + length)
            if !part.isEmpty {
                let lower = range.lowerBound + Int64(part.lowerBound - start)
                result.append(lower...lower + (Int64(part.count) - 1))
            }
            start += length
        }
        return SeedList(ranges: result, count: places.count)
    }

    package var seeds: [Int64] { ranges.flatMap { Array($0) } }
}

/// One of n equal parts of the work, written i/n with i from 0.
package struct Shard: Sendable, Equatable {
    package let index: Int
    package let count: Int

    package init(parsing text: String) throws {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { part in
            part.allSatisfy { $0.isASCII && $0.isNumber } ? Int(part) : nil
        }
        guard parts.count == 2, let index = parts[0], let count = parts[1], count > 0, index < count else {
            throw Failure(.usage, "`\(text)` is not i/n with i from 0 to n-1")
        }
        self.index = index
        self.count = count
    }

    /// floor(i S / n) ..< floor((i+1) S / n).
    package func places(of total: Int) -> Range<Int> {
        func bound(_ i: Int) -> Int { count.dividingFullWidth(i.multipliedFullWidth(by: total)).quotient }
        return bound(index)..<(index + 1 == count ? total : bound(index + 1))
    }
}
