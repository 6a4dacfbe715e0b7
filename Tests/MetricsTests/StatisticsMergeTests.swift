import Diagnostics
import Metrics
import Tensors
import TestSupport
import Testing

@Suite struct StatisticsMergeTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Writes the statistics of the samples with these seeds, or of as many without seeds, and returns the file's path.
    private func part(_ seeds: [Int64], named name: String, isSeeded: Bool = true) throws -> String {
        var accumulator = MomentsAccumulator(dimension: 3)
        let all = features(1000, of: 3, seed: 5)
        for seed in seeds {
            try accumulator.add(all.samples(Int(seed)..<Int(seed) + 1), seeds: isSeeded ? [seed] : nil)
        }
        return try folder.write(
            FeatureStatistics(accumulator.finish(), features: "f").serialized(for: name), to: name)
    }

    /// Returns the seeds of the range.
    private func seeds(_ first: Int64, _ last: Int64) -> [Int64] { Array(first...last) }

    @Test func theOrderOfManyFilesChangesNoBit() throws {
        var files: [String] = []
        for number in 0..<100 as Range<Int64> {
            files.append(try part(seeds(3 * number, 3 * number + 2), named: "\(number).npz"))
        }
        let merged = try StatisticsMerge.merged(files)
        #expect(merged.count == 300 && merged.moments?.seeds.pairs == [0, 299])
        #expect(try StatisticsMerge.merged(files.reversed()) == merged)
        #expect(try StatisticsMerge.merged(Array(files[40...] + files[..<40])) == merged)
        let parts = try files.map { (place: $0, statistics: try FeatureStatistics(file: $0)) }
        #expect(try FeatureStatistics.merge(parts) == merged)
    }

    @Test func filesWithoutSeedsComeLastInAnOrderOfTheirOwn() throws {
        let files = [
            try part(seeds(10, 16), named: "a.npz", isSeeded: false),
            try part(seeds(1, 3), named: "b.safetensors"),
            try part(seeds(30, 32), named: "c.npz", isSeeded: false),
            try part(seeds(20, 26), named: "d.npz", isSeeded: false),
        ]
        let merged = try StatisticsMerge.merged(files)
        #expect(merged.count == 20 && merged.moments?.seeds.isEmpty == true)
        #expect(try StatisticsMerge.merged(files.reversed()) == merged)
    }

    @Test func seedsInTwoFilesAreNamedAsRanges() throws {
        let one = try part(seeds(0, 99), named: "one.npz")
        let other = try part([40, 41, 42, 99, 200], named: "other.npz")
        for files in [[one, other], [other, one]] {
            let failure = #expect(throws: Failure.self) { try StatisticsMerge.merged(files) }
            #expect(failure?.status == .data && failure?.place == other)
            #expect(failure?.message == "seeds 40-42,99 are in \(one) too")
        }
        let single = try part([99, 100], named: "single.npz")
        #expect(
            #expect(throws: Failure.self) { try StatisticsMerge.merged([one, single]) }?.message
                == "seed 99 is in \(one) too")
        #expect(#expect(throws: Failure.self) { try StatisticsMerge.merged([one, one]) }?.message == "is given twice")
    }

    @Test func gapsBetweenFilesAreRanges() throws {
        let files = [
            try part([0, 1, 2], named: "0.npz"), try part([7, 8], named: "1.npz"), try part([9, 11], named: "2.npz"),
        ]
        let seeds = try #require(try StatisticsMerge.merged(files).moments?.seeds)
        #expect(seeds.gaps.brief == "seeds 3-6,10")
        #expect(seeds.gaps.gaps.brief == "seeds 7-9")
        #expect(try SeedRanges(pairs: [.min, .min, .max, .max]).gaps.pairs == [.min + 1, .max - 1])
        var pairs: [Int64] = []
        for seed in 0..<20 as Range<Int64> { pairs += [2 * seed, 2 * seed] }
        #expect(try SeedRanges(pairs: pairs).brief == "seeds 0,2,4,6,8,10,12,14 and 12 more ranges")
    }

    @Test func aFileThatCannotBeMergedIsNamed() throws {
        let one = try part([0, 1], named: "one.npz")
        let foreign = Fixtures.path("checkpoints/npz/edm_style.npz")
        for files in [[foreign], [one, foreign], [foreign, one]] {
            let failure = #expect(throws: Failure.self) { try StatisticsMerge.merged(files) }
            #expect(failure?.status == .data && failure?.place == foreign)
        }
        #expect(
            #expect(throws: Failure.self) { try StatisticsMerge.merged([one, "/nonexistent.npz"]) }?.status == .noInput)
    }
}
