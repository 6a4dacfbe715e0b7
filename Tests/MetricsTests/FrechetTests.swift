import Diagnostics
import Formats
import Metrics
import Tensors
import TestSupport
import Testing

@Suite struct FrechetTests {
    private func distance(_ file: SafetensorsFile, _ name: String) throws -> (ours: FrechetDistance, exact: Double) {
        func values(_ tensor: String) throws -> [Double] { try file.tensor("\(name)/\(tensor)").doubles() }
        let ours = try FrechetDistance(
            mean: values("mu1"), covariance: values("sigma1"), mean: values("mu2"), covariance: values("sigma2"))
        return (ours, try values("distance")[0])
    }

    private func check(_ file: SafetensorsFile, _ name: String, relative: Double, absolute: Double = 0) throws {
        let (ours, exact) = try distance(file, name)
        #expect(abs(ours.value - exact) <= max(relative * abs(exact), absolute), "\(name): \(ours.value), \(exact)")
        #expect(abs(ours.meanTerm + ours.covarianceTerm - ours.value) < 1e-12 * max(1, abs(ours.value)))
        #expect(ours.clipped <= 0 && ours.clipped > -1e-10)
    }

    @Test func agreesWithTheRecordedDistances() throws {
        let file = try SafetensorsFile(path: Fixtures.path("fid/frechet.safetensors"))
        try check(file, "full_d64", relative: 1e-9)
        try check(file, "rankdef_d64", relative: 1e-6)
        try check(file, "near_singular_d64", relative: 1e-6)
        try check(file, "rankdef_d128", relative: 1e-6)
        try check(file, "identical_d64", relative: 0, absolute: 1e-6)
    }

    /// For covariances that commute, the covariance term is the sum of (sqrt a - sqrt b)^2 over their eigenvalues.
    @Test func diagonalCovariances() throws {
        let (a, b) = ([4.0, 0.25, 1, 0], [1.0, 9, 1, 2])
        func diagonal(_ values: [Double]) -> [Double] {
            (0..<16).map { $0.isMultiple(of: 5) ? values[$0 / 5] : 0 }
        }
        let result = try FrechetDistance(
            mean: [1, 2, 3, 4], covariance: diagonal(a), mean: [1, 0, 3, 4], covariance: diagonal(b))
        let expected =
            4
            + zip(a, b).reduce(0) {
                $0 + ($1.0.squareRoot() - $1.1.squareRoot()) * ($1.0.squareRoot() - $1.1.squareRoot())
            }
        #expect(abs(result.value - expected) < 1e-12)
        #expect(result.meanTerm == 4)
    }

    @Test func fewSamplesFromTheirFeaturesAndFromTheirCovariance() throws {
        let (first, second) = (features(30, of: 48, seed: 1), features(25, of: 48, seed: 2))
        let low = try FrechetDistance(features: first, features: second)
        let full = try statistics(first).distance(to: statistics(second))
        #expect(abs(low.value - full.value) < 1e-6 * full.value)
        #expect(abs(try FrechetDistance(features: first, features: first).value) < 1e-9)
    }

    @Test func aMatrixThatIsNoCovarianceIsReported() throws {
        let result = try FrechetDistance(
            mean: [0, 0], covariance: [1, 0, 0, -0.5], mean: [0, 0], covariance: [1, 0, 0, 1])
        #expect(abs(result.clipped + 0.5) < 1e-12)
    }

    /// Rounding would make some of these distances negative.
    @Test func aSetHasNoNegativeDistanceFromItself() throws {
        for count in 2..<40 {
            let set = features(count, of: 16, seed: UInt64(count))
            #expect(try FrechetDistance(features: set, features: set).value >= 0)
            let statistics = try statistics(set)
            let distance = try statistics.distance(to: statistics)
            #expect(distance.value >= 0 && distance.covarianceTerm >= 0 && distance.value < 1e-6)
        }
    }

    @Test func refusesWhatCannotBeCompared() throws {
        let one = try statistics(features(9, of: 4, seed: 1))
        let other = try statistics(features(9, of: 5, seed: 1))
        #expect(throws: Failure.self) { try one.distance(to: other) }
        #expect(throws: Failure.self) {
            try FrechetDistance(mean: [.nan], covariance: [1], mean: [0], covariance: [1])
        }
    }

    private func statistics(_ features: Tensor<Float>) throws -> FeatureStatistics {
        var accumulator = MomentsAccumulator(dimension: features.sampleCount)
        try accumulator.add(features, seeds: nil)
        return FeatureStatistics(accumulator.finish(), features: "test")
    }
}

/// Returns reproducible features without structure, [n, d].
func features(_ count: Int, of dimension: Int, seed: UInt64) -> Tensor<Float> {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    return Tensor(
        shape: [count, dimension],
        elements: (0..<count * dimension).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(state >> 40) / Float(1 << 23) - 1
        })
}
