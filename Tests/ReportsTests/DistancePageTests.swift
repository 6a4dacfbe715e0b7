import FeatureNetworks
import Foundation
import Images
import Metrics
import Reports
import Tensors
import Testing

@Suite struct DistancePageTests {
    /// Returns a set of features of two numbers, spread by `width` about `middle`.
    private func set(_ name: String, middle: Double, width: Double) throws -> NamedSet {
        var collector = FeatureCollector(name: "two", dimension: 2, keepsExcerpt: true)
        let rows = (0..<300).flatMap { row -> [Float] in
            let angle = Double(row) * 2.4
            return [Float(middle + width * sin(angle)), Float(width * sin(angle + 1.6))]
        }
        try collector.add(features: Tensor(shape: [300, 2], elements: rows), seeds: nil)
        return NamedSet(name: name, features: collector.finish()[0])
    }

    private func sections(_ sets: [NamedSet], _ reference: NamedSet) throws -> String {
        let report = try ReferenceComparison(with: reference).report(on: sets, quantization: "round")
        return try DistancePage(report, of: sets, reference: reference, statisticsFile: "part.npz").sections().joined()
    }

    @Test func aPageTellsWhatTheTextTells() throws {
        let (near, far) = (try set("near", middle: 0, width: 1), try set("far", middle: 3, width: 1))
        let reference = try set("there", middle: 0, width: 1)
        #expect(near.features.excerpt.course.map(\.count) == [128, 256])
        let page = try sections([near, far], reference)
        #expect(page.contains("<tr><td>near</td>"))
        #expect(page.contains("<tr><td>far</td><td>9.00000</td><td>9.000</td>"))
        #expect(page.contains("<tr><td>mean</td><td>4.50000 ± 6.36</td>"))
        #expect(page.contains("<dt>reference</dt>\n<dd>there, 300 samples</dd>"))
        #expect(page.contains("<dd>part.npz</dd>") && page.contains("<dd>2 distances</dd>"))
        #expect(!page.contains("<th>KID</th>") && !page.contains("<h2>The first pictures</h2>"))
    }

    @Test func anExcerptHasTheFirstPictures() throws {
        let levels = Tensor(shape: [40, 1, 2, 2], elements: (0..<160).map { Float($0) })
        var collector = FeatureCollector(Pixels(), keepsExcerpt: true)
        for start in stride(from: 0, to: 40, by: 8) {
            try collector.add(PictureBatch(levels: levels.samples(start..<start + 8), seeds: nil))
        }
        let pictures = collector.finish()[0].excerpt.pictures
        #expect(pictures.count == 32)
        #expect(pictures[31].pixels == [124, 125, 126, 127])
    }
}

private struct Pixels: FeatureNetwork {
    let name = "pixels"
    let featureCount = 4
    let channels = 1

    func features(_ levels: Tensor<Float>) -> Tensor<Float> { levels.reshaped([levels.batch, 4]) }
}
