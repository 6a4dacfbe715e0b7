import Checkpoints
import Diagnostics
import Formats
import Metrics
import Tensors
import TestSupport
import Testing

@Suite struct StatisticsFileTests {
    private func sample(_ range: Range<Int>, features name: String? = "test-features") throws -> FeatureStatistics {
        var accumulator = MomentsAccumulator(dimension: 6)
        try accumulator.add(
            features(400, of: 6, seed: 5).samples(range), seeds: range.map { Int64($0) })
        return try FeatureStatistics(accumulator.finish(), features: name)
    }

    @Test(arguments: ["s.npz", "s.safetensors"]) func writtenStatisticsReadBackEqual(name: String) throws {
        let folder = try TemporaryFolder()
        let statistics = try sample(0..<50)
        let path = try folder.write(statistics.serialized(for: name), to: name)
        #expect(try FeatureStatistics(file: path) == statistics)
    }

    @Test func otherToolsFindMeanAndCovariance() throws {
        let folder = try TemporaryFolder()
        let statistics = try sample(0..<50)
        let file = try NPZFile(path: folder.write(statistics.serialized(for: "a.npz"), to: "a.npz"))
        #expect(Set(file.names) == ["mu", "sigma", "count", "sum", "outer", "seeds", "features"])
        #expect(try file.array("mu").doubles() == statistics.mean)
        #expect(try file.array("sigma").shape == [6, 6])
        #expect(try file.array("seeds").int64s() == [0, 49])
    }

    @Test func readsTheFilesOfTheFIDTools() throws {
        let folder = "checkpoints/npz"
        let edm = try FeatureStatistics(file: Fixtures.path("\(folder)/edm_style.npz"))
        let compressed = try FeatureStatistics(file: Fixtures.path("\(folder)/edm_style_compressed.npz"))
        let contents = try SafetensorsFile(path: Fixtures.path("\(folder)/npz_contents.safetensors"))
        let expected = try contents.tensor("fid_between_edm_style_and_compressed").doubles()[0]
        let distance = try edm.distance(to: compressed).value
        #expect(abs(distance - expected) < 1e-8 * max(1, expected))
        #expect(edm.count == nil)
        let fortran = try FeatureStatistics(file: Fixtures.path("\(folder)/fortran_order.npz"))
        #expect(fortran.covariance == (try contents.tensor("fortran_order/sigma").doubles()))
        let guided = try FeatureStatistics(file: Fixtures.path("\(folder)/guided_diffusion_style.npz"))
        #expect(guided.mean == (try contents.tensor("guided_diffusion_style/mu").doubles()))
        #expect(guided.dimension == 48)
    }

    @Test func mergedShardsGiveTheSingleRunsDistance() throws {
        let reference = try sample(300..<400)
        let whole = try sample(0..<300).distance(to: reference).value
        let parts = try [100..<300, 0..<37, 37..<100].map { ("part", try sample($0)) }
        let merged = try FeatureStatistics.merge(parts).distance(to: reference).value
        #expect(abs(merged - whole) <= 1e-10 * whole)
        let reversed = try FeatureStatistics.merge(parts.reversed()).distance(to: reference).value
        #expect(reversed == merged)
    }

    @Test func refusesWhatCannotBeMerged() throws {
        let edm = try FeatureStatistics(file: Fixtures.path("checkpoints/npz/edm_style.npz"))
        let (one, other) = (try sample(0..<50), try sample(50..<90, features: "other"))
        #expect(throws: Failure.self) { try FeatureStatistics.merge([("a", one), ("b", edm)]) }
        #expect(throws: Failure.self) { try FeatureStatistics.merge([("a", one), ("b", other)]) }
        #expect(throws: Failure.self) { try FeatureStatistics.merge([("a", one), ("b", one)]) }
        #expect(throws: Failure.self) { try FeatureStatistics.merge([]) }
    }

    /// Each seed is one sample, so a count that differs from theirs says that something was lost.
    @Test func theCountMustBeThatOfTheSeeds() throws {
        let folder = try TemporaryFolder()
        let moments = try #require(try sample(0..<50).moments)
        func file(seeds: [Int64]) throws -> String {
            let tensors = [
                NamedTensor(name: "count", shape: [1], int64s: [50]),
                NamedTensor(name: "sum", shape: [6], doubles: moments.sum),
                NamedTensor(name: "outer", shape: [6, 6], doubles: moments.outer),
                NamedTensor(name: "seeds", shape: [seeds.count / 2, 2], int64s: seeds),
            ]
            return try folder.write(NPZFile.serialize(tensors), to: "s.npz")
        }
        for seeds: [Int64] in [[0, 49], [], [3, 3, 10, 58], [.max - 49, .max]] {
            #expect(try FeatureStatistics(file: file(seeds: seeds)).count == 50)
        }
        for seeds: [Int64] in [[0, 48], [0, 49, 60, 60], [.min, .max]] {
            let failure = #expect(throws: Failure.self) { try FeatureStatistics(file: file(seeds: seeds)) }
            #expect(failure?.status == .data && failure?.message.contains("count of 50") == true)
        }
    }

    @Test func refusesOtherFiles() throws {
        let contents = Fixtures.path("checkpoints/npz/npz_contents.safetensors")
        let failure = #expect(throws: Failure.self) { try FeatureStatistics(file: contents) }
        #expect(failure?.status == .data)
        #expect(failure?.place == contents)
        let missing = #expect(throws: Failure.self) { try FeatureStatistics(file: "/nonexistent/a.npz") }
        #expect(missing?.status == .noInput)
        #expect(throws: Failure.self) { try sample(0..<5).serialized(for: "a.txt") }
    }
}
