import Diagnostics
import Formats
import Metrics
import Tensors
import TestSupport
import Testing

@Suite struct KernelDistanceTests {
    private let file: SafetensorsFile

    init() throws { file = try SafetensorsFile(path: Fixtures.path("fid/kid.safetensors")) }

    private func values(_ name: String) throws -> [Double] { try file.tensor(name).doubles() }

    @Test func agreesWithTheRecordedDistances() throws {
        let (x, y) = (try values("same_size/X"), try values("same_size/Y"))
        let same = try KernelDistance.discrepancy(
            x, rows: Array(0..<60), y, rows: Array(0..<60), dimension: 32)
        #expect(abs(same - (try values("same_size/kid")[0])) < 1e-9)
        let (more, fewer) = (try values("subsets/X"), try values("subsets/Y"))
        let unequal = try KernelDistance.discrepancy(
            more, rows: Array(0..<100), fewer, rows: Array(0..<80), dimension: 32)
        #expect(abs(unequal - (try values("unequal/kid_unbiased_all")[0])) < 1e-9)
    }

    @Test func agreesWithTheRecordedSubsets() throws {
        let (x, y) = (try values("subsets/X"), try values("subsets/Y"))
        let (drawX, drawY) = (try file.tensor("subsets/index_X").int64s(), try file.tensor("subsets/index_Y").int64s())
        let subsets = try (0..<5).map { subset in
            let places = subset * 40..<(subset + 1) * 40
            return try KernelDistance.discrepancy(
                x, rows: drawX[places].map { Int($0) }, y, rows: drawY[places].map { Int($0) }, dimension: 32)
        }
        #expect(abs(subsets.reduce(0, +) / 5 - (try values("subsets/kid")[0])) < 1e-9)
    }

    @Test func theKernelAndItsSlope() {
        // (6 / 3 + 1)^3 = 27, and its derivative 3 (6 / 3 + 1)^2 / 3 = 9, times 1/2.
        #expect(polynomialKernel(6, dimension: 3) == (27, 9))
        #expect(polynomialKernel(6, dimension: 3, weight: 0.5) == (13.5, 4.5))
    }

    @Test func wholeSetsAreOneSubsetAndDrawsAreFixed() throws {
        let (x, y) = (features(60, of: 8, seed: 1), features(60, of: 8, seed: 2))
        #expect(try KernelDistance(x, y).subsets == 1)
        let drawn = try KernelDistance(x, y, subsets: 20, size: 30)
        #expect(drawn == (try KernelDistance(x, y, subsets: 20, size: 30)))
        #expect(drawn.subsets == 20 && drawn.subsetSize == 30 && drawn.deviation > 0)
        // The estimate is unbiased, so it is near zero between samples of one distribution.
        #expect(abs(drawn.value) < 4 * drawn.deviation)
        #expect(throws: Failure.self) { try KernelDistance(x, features(60, of: 7, seed: 2)) }
    }
}

@Suite struct PrecisionRecallTests {
    /// The real samples are two clusters of which one is generated; the other generated samples are far away.
    @Test func clustersOnALine() throws {
        let cluster = (0..<20).map { Float($0) }
        let real = Tensor<Float>(shape: [40, 1], elements: cluster + cluster.map { $0 + 1000 })
        let fake = Tensor<Float>(shape: [40, 1], elements: cluster.map { $0 + 0.25 } + cluster.map { $0 - 5000 })
        let result = try PrecisionRecall(generated: fake, real: real)
        #expect(result == (try PrecisionRecall(generated: fake, real: real)))
        #expect(result.precision == 0.5)
        #expect(result.recall == 0.5)
    }

    @Test func equalSetsAndTooFew() throws {
        let x = features(50, of: 6, seed: 4)
        let same = try PrecisionRecall(generated: x, real: x)
        #expect(same.precision == 1 && same.recall == 1)
        #expect(throws: Failure.self) { try PrecisionRecall(generated: x, real: features(3, of: 6, seed: 4)) }
        #expect(throws: Failure.self) { try PrecisionRecall(generated: x, real: features(9, of: 5, seed: 4)) }
    }
}
