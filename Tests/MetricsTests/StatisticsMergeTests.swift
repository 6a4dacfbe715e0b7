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

    @Test func theOrderOfManyFilesChangesNoBit() throws {
        let files = try (0..<300).map { (index: Int) -> String in
            let first = Int64(3 * index)
            return try part([first, first + 1, first + 2], named: "\(index).npz")
        }
        let merged = try StatisticsMerge.merged(files)
        #expect(merged.count == 900 && merged.moments?.seeds.pairs == [0, 899])
        #expect(try StatisticsMerge.merged(files.reversed()) == merged)
        let shuffled = Array(files[100...]) + files[..<100].reversed()
        #expect(try StatisticsMerge.merged(shuffled) == merged)
        let parts = try files.map { (place: $0, statistics: try FeatureStatistics(file: $0)) }
        #expect(try FeatureStatistics.merge(parts) == merged)
    }

    @Test func filesWithoutSeedsComeLastInAnOrderOfTheirOwn() throws {
        let files = [
            try part(Array(10..<17), named: "a.npz", isSeeded: false), try part([1, 2, 3], named: "b.safetensors"),
            try part(Array(30..<33), named: "c.npz", isSeeded: false),
            try part(Array(20..<27), named: "d.npz", isSeeded: false),
        ]
        let merged = try StatisticsMerge.merged(files)
        #expect(merged.count == 20 && merged.moments?.seeds.isEmpty == true)
        #expect(try StatisticsMerge.merged(files.reversed()) == merged)
    }

    @Test func seedsInTwoFilesAreNamedAsRanges() throws {
        let one = try part(Array(0..<100), named: "one.npz")
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
        let third = try part([200, 201, 202], named: "third.npz")
        let fourth = try part([201, 202, 203], named: "fourth.npz")
        #expect(
            #expect(throws: Failure.self) { try StatisticsMerge.merged([fourth, third, other, one]) }?.message
                == "seeds 40-42,99 are in \(one) too; seeds 40-42,99,200-202 are in more than one file")
    }

    @Test func gapsBetweenFilesAreRanges() throws {
        let files = try [[0, 1, 2], [7, 8], [9, 11]].enumerated().map {
            try part($1.map { Int64($0) }, named: "\($0).npz")
        }
        let seeds = try #require(try StatisticsMerge.merged(files).moments?.seeds)
        #expect(seeds.gaps.brief == "seeds 3-6,10")
        #expect(seeds.gaps.gaps.brief == "seeds 7-9")
        #expect(try SeedRanges(pairs: [.min, .min, .max, .max]).gaps.pairs == [.min + 1, .max - 1])
        #expect(
            try SeedRanges(pairs: (0..<20).flatMap { [$0 * 2, $0 * 2] }).brief
                == "seeds 0,2,4,6,8,10,12,14 and 12 more ranges")
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
