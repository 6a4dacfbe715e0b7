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
        return FeatureStatistics(accumulator.finish(), features: name)
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
        // Its matrix is not symmetric, so that the order of its elements can be told.
        let fortran = try NPZFile(path: Fixtures.path("\(folder)/fortran_order.npz"))
        #expect(try fortran.array("sigma").doubles() == contents.tensor("fortran_order/sigma").doubles())
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

    @Test func sumsOfFewSamplesAreKeptAndMerged() throws {
        let folder = try TemporaryFolder()
        let whole = try sample(0..<3)
        for name in ["s.npz", "s.safetensors"] {
            let parts = try [2..<3, 0..<0, 0..<2].map { range in
                let path = try folder.write(sample(range).serialized(for: name), to: name)
                let part = try FeatureStatistics(file: path)
                #expect(try part == sample(range))
                return ("part", part)
            }
            let merged = try FeatureStatistics.merge(parts)
            #expect(merged.count == 3 && merged.moments?.seeds == whole.moments?.seeds)
            #expect(zip(merged.covariance, whole.covariance).allSatisfy { abs($0 - $1) < 1e-14 })
        }
    }

    @Test func numbersThatAreNoSeedsDoNotHinderMerging() throws {
        let one = try sample(0..<50)
        let failure = #expect(throws: Failure.self) { try FeatureStatistics.merge([("a", one), ("b", one)]) }
        #expect(failure?.place == "b" && failure?.suggestion?.contains("<no seeds>") == true)
        let merged = try FeatureStatistics.merge([("a", one), ("b", one)], hasSeeds: false)
        #expect(merged.count == 100 && merged.moments?.seeds.isEmpty == true)
        #expect(merged.mean == one.mean)
    }

    /// Each file breaks one property of a mean and a covariance.
    @Test func arraysThatAreNoStatisticsAreNamed() throws {
        let folder = try TemporaryFolder()
        func failure(_ tensors: [NamedTensor]) throws -> Failure? {
            let path = try folder.write(NPZFile.serialize(tensors), to: "s.npz")
            let failure = #expect(throws: Failure.self) { try FeatureStatistics(file: path) }
            #expect(failure?.status == .data && failure?.place == path)
            return failure
        }
        func statistics(mu: [Double] = [1, 2], sigma: [Double] = [2, 1, 1, 3]) -> [NamedTensor] {
            [
                NamedTensor(name: "mu", shape: [2], doubles: mu),
                NamedTensor(name: "sigma", shape: [2, 2], doubles: sigma),
            ]
        }
        let cases: [([NamedTensor], String)] = [
            (statistics(mu: [1, .nan]), "`mu` holds NaN (element 1)"),
            (statistics(mu: [-.infinity, 0]), "`mu` holds infinity (element 0)"),
            (statistics(sigma: [2, 1, 1, .infinity]), "`sigma` holds infinity (element 3)"),
            (statistics(sigma: [2, 1, 0, 3]), "`sigma` is not symmetric: row 1, column 0 is 0.0"),
            (statistics(sigma: [2, 1, -1, 3]), "`sigma` is not symmetric"),
            (statistics(sigma: [2, 0, 0, -3]), "`sigma` is no covariance: its diagonal holds -3.0 (row 1)"),
            (statistics(sigma: [2, 3, 3, 3]), "`sigma` is no covariance: row 1, column 0 is 3.0"),
            (statistics() + [NamedTensor(name: "count", shape: [1], int64s: [-5])], "a count of -5 samples"),
            (statistics() + [NamedTensor(name: "count", shape: [2], int64s: [5, 5])], "`count` has shape [2]"),
            (
                [NamedTensor(name: "m", shape: [1], doubles: [0]), NamedTensor(name: "s", shape: [1], doubles: [0])],
                "(found: m, s)"
            ),
            (
                [
                    NamedTensor(name: "mu", shape: [1, 1], doubles: [0]),
                    NamedTensor(name: "sigma", shape: [1], doubles: [0]),
                ],
                "`mu` has shape [1, 1] and `sigma` [1]"
            ),
        ]
        for (tensors, words) in cases {
            let message = try failure(tensors)?.message
            #expect(message?.contains(words) == true, "\(message ?? "")")
        }
        for outer: [Double] in [[2, 1, 0, 3], [2, 0, 0, -3], [.nan, 0, 0, 1], [1, 0, 0, 1]] {
            let sums = [
                NamedTensor(name: "count", shape: [1], int64s: [2]),
                NamedTensor(name: "sum", shape: [2], doubles: [0, 4]),
                NamedTensor(name: "outer", shape: [2, 2], doubles: outer),
            ]
            let message = try failure(sums)?.message
            #expect(message?.contains("`outer`") == true, "\(message ?? "")")
        }
    }

    /// Other tools save Float, or Float16, whose rounding is no fault.
    @Test func roundedStatisticsAreTaken() throws {
        let folder = try TemporaryFolder()
        let statistics = try sample(0..<4)
        let floats = statistics.covariance.map { Float($0) }
        let halves = floats.flatMap { value in withUnsafeBytes(of: Float16(value).bitPattern) { [UInt8]($0) } }
        for sigma in [
            NamedTensor(name: "sigma", shape: [6, 6], floats: floats),
            NamedTensor(name: "sigma", type: .float16, shape: [6, 6], bytes: halves),
        ] {
            let mean = NamedTensor(name: "mu", shape: [6], doubles: statistics.mean)
            let path = try folder.write(NPZFile.serialize([mean, sigma]), to: "s.npz")
            let distance = try FeatureStatistics(file: path).distance(to: statistics)
            #expect(distance.value >= 0 && distance.value < 1e-3 && distance.clipped > -1e-2)
        }
    }

    @Test func picklesAreNamed() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write([0x80, 0x04, 0x95, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0x7d, 0x2e], to: "s.pkl")
        let failure = #expect(throws: Failure.self) { try FeatureStatistics(file: path) }
        #expect(failure?.status == .data && failure?.message.contains("Python pickle") == true)
        #expect(failure?.suggestion?.contains("mu and sigma") == true)
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
