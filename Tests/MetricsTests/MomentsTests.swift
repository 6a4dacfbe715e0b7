import Diagnostics
import Formats
import Metrics
import Tensors
import TestSupport
import Testing

@Suite struct MomentsTests {
    private let all = features(700, of: 5, seed: 3)

    private func moments(_ range: Range<Int>, batch: Int, seeds: Bool = true) throws -> Moments {
        var accumulator = MomentsAccumulator(dimension: 5)
        var start = range.lowerBound
        while start < range.upperBound {
            let end = min(start + batch, range.upperBound)
            try accumulator.add(all.samples(start..<end), seeds: seeds ? (start..<end).map { Int64($0) } : nil)
            start = end
        }
        return accumulator.finish()
    }

    @Test func meanAndCovarianceAreTheDefinitions() throws {
        let (mean, covariance) = (try moments(0..<700, batch: 100).mean, try moments(0..<700, batch: 100).covariance)
        let values = all.elements.map { Double($0) }
        for row in 0..<5 {
            let own = (0..<700).reduce(0) { $0 + values[$1 * 5 + row] } / 700
            #expect(abs(mean[row] - own) < 1e-13)
            for column in 0..<5 {
                let expected =
                    (0..<700).reduce(0) {
                        $0 + (values[$1 * 5 + row] - mean[row]) * (values[$1 * 5 + column] - mean[column])
                    } / 699
                #expect(abs(covariance[row * 5 + column] - expected) < 1e-12)
            }
        }
    }

    @Test func bitsDoNotDependOnTheBatch() throws {
        let whole = try moments(0..<700, batch: 700)
        for batch in [1, 2, 7, 128, 300] { #expect(try moments(0..<700, batch: batch) == whole) }
        #expect(whole.seeds.text == "0-699")
        #expect(whole.count == 700)
    }

    @Test func mergingDoesNotDependOnTheOrder() throws {
        let parts = [
            try moments(0..<100, batch: 10), try moments(100..<430, batch: 33), try moments(430..<700, batch: 9),
        ]
        let merged = try Moments.merge(parts)
        #expect(try Moments.merge([parts[2], parts[0], parts[1]]) == merged)
        #expect(try Moments.merge([parts[1], parts[2], parts[0]]) == merged)
        let whole = try moments(0..<700, batch: 64)
        #expect(merged.seeds == whole.seeds)
        for (one, other) in zip(merged.outer, whole.outer) { #expect(abs(one - other) <= 1e-12 * abs(other)) }
    }

    @Test func overlappingPartsAreRefused() throws {
        let parts = [try moments(0..<100, batch: 10), try moments(99..<120, batch: 10)]
        let failure = #expect(throws: Failure.self) { try Moments.merge(parts) }
        #expect(failure?.status == .data)
        #expect(failure?.message.contains("99") == true)
    }

    /// Either the seeds of all samples are told or none.
    @Test func aPartWithoutSeedsLeavesTheTotalWithout() throws {
        var unseeded = MomentsAccumulator(dimension: 5)
        try unseeded.add(all.samples(100..<120), seeds: nil)
        let total = try Moments.merge([moments(0..<100, batch: 10), unseeded.finish()])
        #expect(total.count == 120 && total.seeds.isEmpty)
    }

    @Test func aSeedThatComesTwiceIsRefused() throws {
        var accumulator = MomentsAccumulator(dimension: 5)
        try accumulator.add(all.samples(0..<2), seeds: [4, 5])
        #expect(throws: Failure.self) { try accumulator.add(all.samples(2..<3), seeds: [5]) }
    }

    @Test func aFeatureThatIsNoNumberNamesItsSample() throws {
        var bad = all.samples(0..<3)
        bad[7] = .infinity
        var accumulator = MomentsAccumulator(dimension: 5)
        let failure = #expect(throws: Failure.self) { try accumulator.add(bad, seeds: [7, 8, 9]) }
        #expect(failure?.place == "seed 8")
        #expect(failure?.status == .data)
    }

    @Test func seedRanges() throws {
        var seeds = SeedRanges()
        for seed: Int64 in [5, 3, 4, 10, 12, 11, 0] { try seeds.insert(seed) }
        #expect(seeds.text == "0,3-5,10-12")
        #expect(try SeedRanges(pairs: seeds.pairs) == seeds)
        #expect(throws: Failure.self) { try seeds.insert(4...4) }
        #expect(throws: Failure.self) { try seeds.insert(1...3) }
        #expect(throws: Failure.self) { try SeedRanges(pairs: [3, 1]) }
        #expect(throws: Failure.self) { try SeedRanges(pairs: [3]) }
        #expect(try SeedRanges(pairs: [.min, -1, 0, .max]).ranges.count == 1)
    }
}
