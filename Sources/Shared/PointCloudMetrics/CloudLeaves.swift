/// A cloud whose points are ordered so that neighbours in space are neighbours in memory, ready for distances to another.
///
/// Sixteen points that lie together are a leaf, four leaves a group. The order follows from the coordinates alone. The
/// last group is filled up with copies of its first point, which change no least distance.
struct CloudLeaves: Sendable {
    typealias Lanes = SIMD16<Float>

    /// The coordinates of 16 points, or of a corner of 16 boxes.
    struct Points: Sendable {
        var x: Lanes
        var y: Lanes
        var z: Lanes
    }

    static let leafPoints = Lanes.scalarCount
    static let groupLeaves = 4
    static let groupPoints = leafPoints * groupLeaves

    /// Points without the copies.
    let count: Int
    /// One entry for each leaf.
    let points: [Points]
    /// Each of these points by itself.
    let singles: [SIMD4<Float>]
    /// The lowest and the highest corners of the leaves' boxes, 16 leaves to an entry.
    let low: [Points]
    let high: [Points]
    /// The corners of each group's box.
    let groups: [(low: SIMD4<Float>, high: SIMD4<Float>)]

    /// The cloud has points, and no squared distance of its coordinates to others is infinite.
    init(_ cloud: PointCloud) {
        precondition(cloud.count > 0)
        var order = Array(0..<cloud.count)
        Self.sort(&order, 0..<cloud.count, cloud)
        let groupCount = (cloud.count + Self.groupPoints - 1) / Self.groupPoints
        let singles = (0..<groupCount * Self.groupPoints).map { place in
            SIMD4(cloud.point(order[place < cloud.count ? place : place / Self.groupPoints * Self.groupPoints]), 0)
        }
        count = cloud.count
        self.singles = singles
        points = Self.gathered(singles, filler: .zero)
        func corner(_ size: Int, _ choose: (SIMD4<Float>, SIMD4<Float>) -> SIMD4<Float>) -> [SIMD4<Float>] {
            stride(from: 0, to: singles.count, by: size).map { start in
                singles[start..<start + size].dropFirst().reduce(singles[start], choose)
            }
        }
        // Boxes that are not there are infinitely far away.
        low = Self.gathered(corner(Self.leafPoints) { pointwiseMin($0, $1) }, filler: .init(repeating: .infinity))
        high = Self.gathered(corner(Self.leafPoints) { pointwiseMax($0, $1) }, filler: .init(repeating: .infinity))
        groups = Array(
            zip(corner(Self.groupPoints) { pointwiseMin($0, $1) }, corner(Self.groupPoints) { pointwiseMax($0, $1) })
        ).map { (low: $0, high: $1) }
    }

    private static func gathered(_ singles: [SIMD4<Float>], filler: SIMD4<Float>) -> [Points] {
        stride(from: 0, to: singles.count, by: Lanes.scalarCount).map { start in
            var points = Points(x: .zero, y: .zero, z: .zero)
            for lane in 0..<Lanes.scalarCount {
                let single = start + lane < singles.count ? singles[start + lane] : filler
                (points.x[lane], points.y[lane], points.z[lane]) = (single.x, single.y, single.z)
            }
            return points
        }
    }

    /// Halves the points along the longest side of their box until a leaf is left. All leaves and groups but the last are
    /// full.
    private static func sort(_ order: inout [Int], _ range: Range<Int>, _ cloud: PointCloud) {
        guard range.count > leafPoints else { return }
        var low = SIMD3<Float>(repeating: .infinity), high = SIMD3<Float>(repeating: -.infinity)
        for index in order[range] {
            low = pointwiseMin(low, cloud.point(index))
            high = pointwiseMax(high, cloud.point(index))
        }
        let sides = high - low
        let axis = sides.x >= sides.y && sides.x >= sides.z ? 0 : sides.y >= sides.z ? 1 : 2
        order[range].sort { (cloud.coordinates[3 * $0 + axis], $0) < (cloud.coordinates[3 * $1 + axis], $1) }
        let unit = range.count > groupPoints ? groupPoints : leafPoints
        let middle = range.lowerBound + (range.count + unit - 1) / unit / 2 * unit
        sort(&order, range.lowerBound..<middle, cloud)
        sort(&order, middle..<range.upperBound, cloud)
    }
}
