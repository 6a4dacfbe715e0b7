import Diagnostics
import FeatureNetworks
import Formats
import Images
import Metrics
import Networks
import Tensors
import TestSupport
import Testing

@Suite struct FeatureSetTests {
    private func network() throws -> DigitFeatures {
        let path = "\(Fixtures.root)/Sources/Shared/Models/Resources/mnist32-features.safetensors"
        return try DigitFeatures(
            weights: SafetensorsFile(path: path), name: "mnist32-features", imageShape: [1, 32, 32],
            pool: ThreadPool(threads: 2))
    }

    /// Returns levels without structure, [n, 1, 32, 32].
    private func pictures(_ count: Int) -> Tensor<Float> {
        features(count, of: 1024, seed: 9).map { (($0 + 1) * 127).rounded() }.reshaped([count, 1, 32, 32])
    }

    private func collect(_ pictures: Tensor<Float>, batch: Int, setSize: Int? = nil) throws -> [FeatureSet] {
        var collector = FeatureCollector(try network(), setSize: setSize)
        for start in stride(from: 0, to: pictures.batch, by: batch) {
            let range = start..<min(start + batch, pictures.batch)
            try collector.add(
                PictureBatch(levels: pictures.samples(range), seeds: range.map { Int64($0) }))
        }
        return collector.finish()
    }

    @Test func bitsDoNotDependOnTheBatch() throws {
        let pictures = pictures(90)
        let whole = try collect(pictures, batch: 90)[0].statistics
        for batch in [1, 7, 64] { #expect(try collect(pictures, batch: batch)[0].statistics == whole) }
        #expect(whole.features == "mnist32-features")
        #expect(whole.count == 90)
    }

    @Test func setsAreCutByNumber() throws {
        let sets = try collect(pictures(90), batch: 25, setSize: 40)
        #expect(sets.map(\.statistics.count) == [40, 40])
        #expect(sets.compactMap { $0.statistics.moments?.seeds.text } == ["0-39", "40-79"])
        #expect(try collect(pictures(90), batch: 25, setSize: 91).map(\.statistics.count) == [90])
        let alone = try collect(pictures(90).samples(0..<40), batch: 40)[0]
        #expect(alone.statistics == sets[0].statistics)
    }

    @Test func smallSetsKeepTheirVectorsForTheDistance() throws {
        let sets = try collect(pictures(90), batch: 30, setSize: 45)
        #expect(sets[0].vectors?.batch == 45)
        let (exact, full) = (try sets[0].distance(to: sets[1]), try sets[0].statistics.distance(to: sets[1].statistics))
        #expect(abs(exact.value - full.value) < 1e-5 * full.value)
        #expect(try collect(pictures(90), batch: 30)[0].vectors == nil)
    }

    @Test func fewerThanTwoSamplesHaveNoDistance() throws {
        var collector = FeatureCollector(try network())
        #expect(throws: Failure.self) { try collector.add(features: Tensor(shape: [2, 63]), seeds: nil) }
        let none = collector.finish()[0]
        #expect(none.statistics.count == 0 && none.statistics.dimension == 64 && none.rmsd == nil)
        #expect(throws: Failure(.data, "0 samples have no covariance", suggestion: "at least two are needed")) {
            try none.distance(to: none)
        }
        let (one, two) = (try collect(pictures(1), batch: 1)[0], try collect(pictures(2), batch: 2)[0])
        #expect(throws: Failure(.data, "1 sample has no covariance", suggestion: "at least two are needed")) {
            try two.distance(to: one)
        }
        #expect(try two.distance(to: two).value >= 0)
    }

    @Test func featuresOfOthersNeedNoNetwork() throws {
        var collector = FeatureCollector(name: nil, dimension: 5)
        try collector.add(features: features(8, of: 5, seed: 1), seeds: nil)
        let set = collector.finish()[0]
        #expect(set.statistics.dimension == 5 && set.statistics.features == nil && set.vectors == nil)
        #expect(set.statistics.moments?.seeds.isEmpty == true)
    }

    // MARK: - Report

    private func report(_ values: [Double], features: String?) throws -> DistanceReport {
        let statistics = try collect(pictures(70), batch: 70)[0].statistics
        let entries = try values.enumerated().map { place, value in
            DistanceReport.Entry(
                name: "set \(place)", statistics: statistics,
                distance: try FrechetDistance(
                    mean: [value.squareRoot()], covariance: [1], mean: [0], covariance: [1]))
        }
        return DistanceReport(
            entries: entries, reference: "there", referenceCount: nil, features: features, dimension: 64,
            quantization: "round")
    }

    @Test func onlyInceptionIsCalledFID() throws {
        #expect(try report([1], features: "inception-2015-12-05/edm").label == "FID")
        #expect(try report([1], features: "mnist32-features").label == "FD(mnist32-features)")
        #expect(try report([1], features: nil).label == "FD(unnamed features)")
    }

    @Test func severalSetsHaveMeanSpreadAndLeast() throws {
        let report = try report([4, 1, 7], features: "mnist32-features")
        let json = report.json
        #expect(try abs(#require(json["mean"]?.double) - 4) < 1e-9)
        #expect(try abs(#require(json["deviation"]?.double) - 3) < 1e-9)
        #expect(try abs(#require(json["least"]?.double) - 1) < 1e-9)
        #expect(json["sets"]?.elements?.count == 3)
        #expect(report.text.contains("4.00000 +- 3.00"))
        #expect(try self.report([4], features: nil).json["mean"] == nil)
    }

    @Test func numbersArePrintedWithSixDigits() throws {
        for (value, text) in [
            (12.3456789, "12.3457"), (0.0997822, "0.0997822"), (999_999.7, "1000000"), (1064.1960558804826, "1064.20"),
            (0.000012345678, "0.0000123457"),
        ] {
            #expect(try report([value], features: "x").text.contains("FD(x)      \(text)\n"), "\(value)")
        }
    }
}
