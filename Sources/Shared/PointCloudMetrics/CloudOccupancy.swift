import Synchronization
import Tensors

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The points of a set of clouds, counted by the cells of a grid in a sphere of diameter 1.
///
/// The cells are the places of a cubic grid of 28 places a side over [-0.5, 0.5] that lie within 0.5 of the origin. A
/// point counts for the cell nearest to it. A cloud that fills the cube from -1 to 1 has most of its points outside, and
/// they count for the cells at the sphere's surface (docs/methods/point-clouds.md, "Metrics").
package struct CloudOccupancy: Sendable, Equatable {
    /// Points of each cell, with x as the slowest coordinate.
    package let counts: [Int]

    package init(_ clouds: [PointCloud], pool: ThreadPool) {
        let total = Mutex([Int](repeating: 0, count: SphereGrid.standard.cells.count))
        pool.parallelFor(clouds.count) { index, _ in
            let cloud = clouds[index]
            let cells = (0..<cloud.count).map { SphereGrid.standard.nearest(to: SIMD3<Double>(cloud.point($0))) }
            total.withLock { counts in for cell in cells { counts[cell] += 1 } }
        }
        counts = total.withLock { $0 }
    }

    /// Returns the Jensen-Shannon divergence of the two distributions of points, in bits.
    package func divergence(from other: CloudOccupancy) -> Double {
        let (p, q) = (shares, other.shares)
        let middle = zip(p, q).map { ($0 + $1) / 2 }
        return Self.entropy(middle) - (Self.entropy(p) + Self.entropy(q)) / 2
    }

    private var shares: [Double] {
        let total = Double(max(counts.reduce(0, +), 1))
        return counts.map { Double($0) / total }
    }

    private static func entropy(_ shares: [Double]) -> Double {
        shares.reduce(0) { $1 > 0 ? $0 - $1 * log2($1) : $0 }
    }
}

/// The cells of `CloudOccupancy`.
struct SphereGrid: Sendable {
    static let standard = SphereGrid()
    private static let side = 28
    private typealias Lanes = SIMD8<Double>

    let cells: [SIMD3<Double>]
    /// The cell at each place of the whole grid; -1 for a place outside the sphere.
    private let cellOfPlace: [Int]
    /// Cells near the surface, one of which is nearest to any point whose own place is no cell: eight at a time.
    private let shell: [(x: Lanes, y: Lanes, z: Lanes, cell: SIMD8<Int64>)]

    private init() {
        let places = (0..<Self.side).map { Double(Float(Double($0) / Double(Self.side - 1) - 0.5)) }
        var cells: [SIMD3<Double>] = []
        var cellOfPlace: [Int] = []
        var shell: [Int] = []
        for x in places {
            for y in places {
                for z in places {
                    let norm = Float((x * x + y * y + z * z).squareRoot())
                    if norm > 0.46, norm <= 0.5 { shell.append(cells.count) }
                    cellOfPlace.append(norm <= 0.5 ? cells.count : -1)
                    if norm <= 0.5 { cells.append(SIMD3(x, y, z)) }
                }
            }
        }
        self.cells = cells
        self.cellOfPlace = cellOfPlace
        self.shell = stride(from: 0, to: shell.count, by: 8).map { start in
            var group = (x: Lanes.zero, y: Lanes.zero, z: Lanes.zero, cell: SIMD8<Int64>.zero)
            for lane in 0..<8 {
                // The last cell fills the rest; ties go to the lower cell, so that it changes nothing.
                let cell = shell[min(start + lane, shell.count - 1)]
                (group.x[lane], group.y[lane], group.z[lane]) = (cells[cell].x, cells[cell].y, cells[cell].z)
                group.cell[lane] = Int64(cell)
            }
            return group
        }
    }

    /// Returns the cell nearest to `point`.
    func nearest(to point: SIMD3<Double>) -> Int {
        let last = Self.side - 1
        let place = ((point + 0.5) * Double(last)).rounded(.toNearestOrEven)
        if place.min() >= 0, place.max() <= Double(last) {
            let cell = cellOfPlace[(Int(place.x) * Self.side + Int(place.y)) * Self.side + Int(place.z)]
            if cell >= 0 { return cell }
        }
        return nearestInShell(to: point)
    }

    private func nearestInShell(to point: SIMD3<Double>) -> Int {
        let (x, y, z) = (Lanes(repeating: point.x), Lanes(repeating: point.y), Lanes(repeating: point.z))
        var least = Lanes(repeating: .infinity)
        var cells = SIMD8<Int64>.zero
        for group in shell {
            let (dx, dy, dz) = (group.x - x, group.y - y, group.z - z)
            let square = dx * dx + dy * dy + dz * dz
            let isLess = square .< least
            least.replace(with: square, where: isLess)
            cells.replace(with: group.cell, where: isLess)
        }
        var nearest = 0
        for lane in 1..<8
        where (least[lane], cells[lane]) < (least[nearest], cells[nearest]) { nearest = lane }
        return Int(cells[nearest])
    }
}
