import Formats
import PointCloudMetrics
import Tensors
import TestSupport
import Testing

/// Metrics of point clouds against the reference implementation, and against all distances written out.
@Suite struct CloudMetricsTests {
    private func clouds(_ file: SafetensorsFile, _ name: String) throws -> [PointCloud] {
        let tensor: Tensor<Float> = try file.tensor(name).tensor()
        return (0..<tensor.batch).map { PointCloud(coordinates: tensor.samples($0..<$0 + 1).elements) }
    }

    private func check(_ file: SafetensorsFile, samples: [PointCloud], references: [PointCloud]) throws {
        let pool = ThreadPool(threads: 2)
        let (samples, references) = (CloudSet(samples, pool: pool), CloudSet(references, pool: pool))
        let pairs = samples.distances(to: references, pool: pool)
        #expect(relativeError(pairs.values.map { Float($0) }, try file.tensor("pairwise_cd").doubles()) < 1e-6)
        let metrics = samples.metrics(against: references, own: references.distances(pool: pool), pool: pool)
        func expect(_ value: Double?, _ name: String, within tolerance: Double) throws {
            let expected = try file.tensor(name).doubles()[0]
            let value = try #require(value)
            #expect(abs(value - expected) <= tolerance * abs(expected), "\(name): \(value), \(expected)")
        }
        try expect(metrics.minimumMatchingDistance, "metric/lgan_mmd-CD", within: 1e-6)
        try expect(metrics.sampleDistance, "metric/lgan_mmd_smp-CD", within: 1e-6)
        // The recorded shares are Floats in one of the files.
        try expect(metrics.coverage, "metric/lgan_cov-CD", within: 1e-7)
        try expect(metrics.neighbours?.all, "metric/1-NN-CD-acc", within: 1e-7)
        try expect(metrics.neighbours?.references, "metric/1-NN-CD-acc_t", within: 1e-7)
        try expect(metrics.neighbours?.samples, "metric/1-NN-CD-acc_f", within: 1e-7)
        try expect(metrics.divergence, "jsd", within: 1e-12)
    }

    @Test func cloudsInsideTheSphere() throws {
        let file = try SafetensorsFile(path: Fixtures.path("pointcloud/metrics.safetensors"))
        try check(file, samples: clouds(file, "sample"), references: clouds(file, "ref"))
    }

    /// Most points are outside the sphere of the cells.
    @Test func cloudsThatFillTheirBox() throws {
        let file = try SafetensorsFile(path: Fixtures.path("pointcloud/clouds.safetensors"))
        try check(file, samples: clouds(file, "sample/shape_bbox"), references: clouds(file, "ref/shape_bbox"))
    }

    @Test(arguments: [("shape_bbox", CloudScale.boundingBox), ("shape_unit", .unit)])
    func scales(name: String, scale: CloudScale) throws {
        let file = try SafetensorsFile(path: Fixtures.path("pointcloud/clouds.safetensors"))
        for set in ["sample", "ref"] {
            let ours = try clouds(file, "\(set)_raw").flatMap { try $0.scaled(scale).coordinates }
            let error = relativeError(ours, try file.tensor("\(set)/\(name)").doubles())
            #expect(error < 1e-6, "\(set): \(error)")
        }
        #expect(throws: (any Error).self) {
            try PointCloud(coordinates: [1, 2, 3, 1, 2, 3]).scaled(scale)
        }
    }

    /// Coordinates whose sums or squares have no Float are compared if the scale makes them small, and refused otherwise.
    @Test func largeCoordinates() throws {
        let corners: [Float] = [-1, -1, -1, 1, 1, 1, -1, 1, 1, 1, -1, 0]
        let far = PointCloud(coordinates: corners.map { 2.5e38 + $0 * 0.5e38 })
        let wide = PointCloud(coordinates: corners.map { $0 * 3e38 })
        #expect(try wide.scaled(.boundingBox).coordinates == corners)
        for (value, expected) in zip(try far.scaled(.boundingBox).coordinates, corners) {
            #expect(abs(value - expected) < 1e-5)
        }
        for cloud in [far, wide] {
            let expected = try PointCloud(coordinates: corners).scaled(.unit).coordinates
            for (value, expected) in zip(try cloud.scaled(.unit).coordinates, expected) {
                #expect(abs(value - expected) < 1e-5)
            }
        }
        for cloud in [far, wide, PointCloud(coordinates: corners.map { $0 + 1e20 })] {
            #expect(throws: (any Error).self) { try cloud.scaled(.none) }
        }
        let edge = try PointCloud(coordinates: corners.map { $0 * 1e18 }).scaled(.none)
        let set = CloudSet([edge, PointCloud(coordinates: corners)], pool: ThreadPool(threads: 1))
        let distances = set.distances(pool: ThreadPool(threads: 1))
        #expect(distances[0, 1].isFinite && distances[0, 1] > 0)
    }

    @Test func cellsOfTheSphere() throws {
        let file = try SafetensorsFile(path: Fixtures.path("pointcloud/clouds.safetensors"))
        let counts = CloudOccupancy(try clouds(file, "sample/shape_bbox"), pool: ThreadPool(threads: 2)).counts
        #expect(try file.tensor("jsd_cell_count").int64s() == [Int64(counts.count)])
        let rows = try file.tensor("jsd_counts_sample").doubles()
        let filled = counts.indices.filter { counts[$0] > 0 }
        #expect(filled.flatMap { [Double($0), Double(counts[$0])] } == rows)
    }

    /// Boxes that are passed over change no bit of a distance, whatever the sizes and the places of the clouds.
    @Test(arguments: [(1, 1), (5, 130), (64, 65), (200, 333), (700, 128)])
    func distancesAreExact(a: Int, b: Int) {
        for shift: Float in [0, 0.3, 5] {
            let first = PointCloud(coordinates: testNumbers(3 * a, seed: 5))
            let second = PointCloud(coordinates: testNumbers(3 * b, seed: 6).map { $0 * $0 + shift })
            let pool = ThreadPool(threads: 1)
            let sets = (CloudSet([first], pool: pool), CloudSet([second], pool: pool))
            let value = sets.0.distances(to: sets.1, pool: pool).values[0]
            let expected = Self.mean(first, second) + Self.mean(second, first)
            #expect(abs(value - expected) <= 1e-12 * expected, "\(value), \(expected)")
        }
    }

    /// The mean over the points of `a` of the squared distance to the nearest point of `b`.
    private static func mean(_ a: PointCloud, _ b: PointCloud) -> Double {
        (0..<a.count).reduce(0.0) { sum, i in
            let least = (0..<b.count).map { j -> Float in
                let d = a.point(i) - b.point(j)
                return (d.x * d.x).addingProduct(d.y, d.y).addingProduct(d.z, d.z)
            }.min()
            return sum + Double(least ?? 0)
        } / Double(a.count)
    }

    @Test func threadsChangeNothing() {
        let samples = (0..<5).map { PointCloud(coordinates: testNumbers(450, seed: UInt64($0))) }
        let references = (0..<4).map { PointCloud(coordinates: testNumbers(300, seed: UInt64(50 + $0))) }
        let results = [1, 3].map { threads -> CloudMetrics in
            let pool = ThreadPool(threads: threads)
            let set = CloudSet(references, pool: pool)
            return CloudSet(samples, pool: pool).metrics(against: set, own: set.distances(pool: pool), pool: pool)
        }
        #expect(results[0] == results[1])
    }
}
