import Diagnostics
import FeatureNetworks
import Formats
import Images
import Metrics
import Tensors
import TestSupport
import Testing

/// From files to a report, over a feature network that needs no weights.
@Suite struct ReferenceComparisonTests {
    private let folder: TemporaryFolder
    private let settings = SampleInput.Settings(
        quantization: .round, batch: 7, reporter: Reporter(program: "test", quiet: true))

    init() throws { folder = try TemporaryFolder() }

    /// Writes 2x2 pictures of levels without structure, and returns the path of their folder.
    private func pictures(_ count: Int, seed: UInt64) throws -> String {
        let levels = features(count, of: 4, seed: seed).elements.map { UInt8(($0 + 1) * 127) }
        let path = folder.file("\(seed)")
        try OutputFolder.make(path)
        for number in 0..<count {
            let pixels = Array(levels[number * 4..<number * 4 + 4])
            try folder.write(
                PNG.encode(Image(width: 2, height: 2, channels: 1, pixels: pixels)), to: "\(seed)/\(number).png")
        }
        return path
    }

    private func sets(_ path: String, keepsVectors: Bool = true, size: Int? = nil) throws -> [NamedSet] {
        try FeatureEvaluator(PixelFeatures(), keepsVectors: keepsVectors, settings: settings).sets(path, size: size)
    }

    @Test func aFolderAgainstItself() throws {
        let set = try sets(pictures(30, seed: 1))[0]
        let comparison = try ReferenceComparison(with: set, wantsKernel: true, neighbours: 3)
        let report = try comparison.report(on: [set], quantization: "round")
        #expect(abs(report.entries[0].distance.value) < 1e-9)
        #expect(report.entries[0].precisionRecall?.precision == 1 && report.entries[0].precisionRecall?.recall == 1)
        let kernel = try #require(report.entries[0].kernel)
        #expect(kernel.subsets == 1 && kernel.value < 0)
        // No sample came from a stream.
        #expect(report.quantization == nil && report.features == "pixels" && report.referenceCount == 30)
        #expect(report.warnings.isEmpty)
    }

    @Test func setsOfOneFolderAreNamedByTheirNumbers() throws {
        let path = try pictures(20, seed: 2)
        let sets = try sets(path, size: 8)
        #expect(sets.map(\.name) == ["\(path), set 1", "\(path), set 2"])
        #expect(sets.map(\.features.statistics.count) == [8, 8])
        let few = try self.sets(pictures(4, seed: 5))
        #expect(
            try ReferenceComparison(with: sets[0]).report(on: few, quantization: "round").warnings == [
                "4 samples leave a covariance of 4 features rank-deficient; the distance is biased upwards"
            ])
    }

    @Test func statisticsHaveNoVectorsForKID() throws {
        let set = try sets(pictures(9, seed: 3))[0]
        let path = try folder.write(set.features.statistics.serialized(for: "s.npz"), to: "s.npz")
        let saved = try sets(path)[0]
        #expect(saved.features.statistics == set.features.statistics)
        let failure = #expect(throws: Failure.self) { try ReferenceComparison(with: saved, wantsKernel: true) }
        #expect(failure?.status == .data && failure?.place == path)
        let comparison = try ReferenceComparison(with: set, neighbours: 3)
        let other = #expect(throws: Failure.self) { try comparison.report(on: [saved], quantization: "round") }
        #expect(other?.place == path)
        #expect(
            abs(try ReferenceComparison(with: saved).report(on: [set], quantization: "").entries[0].distance.value)
                < 1e-9)
    }

    @Test func whatIsNotThereIsToldWithoutBeingRead() throws {
        let missing = folder.file("missing")
        #expect(throws: Failure(.noInput, place: missing, "no such file or directory")) {
            try SampleInput.checkPresence(missing)
        }
        try SampleInput.checkPresence("-")
        try SampleInput.checkPresence(folder.path)
        let picture = try folder.write(PNG.encode(Image(width: 1, height: 1, channels: 1, level: 0)), to: "one.png")
        let failure = #expect(throws: Failure.self) { try sets(picture) }
        #expect(failure?.status == .data && failure?.place == picture)
        #expect(failure?.message == "is a PNG picture, not a set of samples")
    }
}

/// The pixels themselves as features.
private struct PixelFeatures: FeatureNetwork {
    let name = "pixels"
    let featureCount = 4
    let channels = 1

    func features(_ levels: Tensor<Float>) -> Tensor<Float> { levels.reshaped([levels.batch, 4]) }
}
