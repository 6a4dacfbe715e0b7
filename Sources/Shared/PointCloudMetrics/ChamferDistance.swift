/// The Chamfer distance of two clouds: the mean over the points of each of the squared distance to the nearest point of
/// the other, both means added (docs/methods/point-clouds.md, "Metrics").
///
/// The least distances are exact. A leaf is skipped if it is farther from a group of points than every point of the group is
/// from its nearest neighbour so far. Skipping changes no bit.
struct ChamferDistance {
    private typealias Lanes = CloudLeaves.Lanes
    private typealias Points = CloudLeaves.Points

    /// The squared distances of the four leaves of a group to their nearest neighbours so far.
    private struct Least {
        var first = Lanes(repeating: .infinity)
        var second = Lanes(repeating: .infinity)
        var third = Lanes(repeating: .infinity)
        var fourth = Lanes(repeating: .infinity)

        /// The sums of the points that are no copies, in their order.
        func sum(of count: Int) -> Double {
            var sum = 0.0
            for (leaf, lanes) in [first, second, third, fourth].enumerated() {
                for lane in 0..<max(0, min(CloudLeaves.leafPoints, count - leaf * CloudLeaves.leafPoints)) {
                    sum += Double(lanes[lane])
                }
            }
            return sum
        }
    }

    /// The squared distances of a group to the boxes of the other cloud's leaves, rounded down.
    private var bounds: [Lanes] = []

    /// Returns the distance of two clouds. The memory of earlier calls is used again.
    mutating func callAsFunction(_ a: CloudLeaves, _ b: CloudLeaves) -> Double {
        mean(a, to: b) + mean(b, to: a)
    }

    /// Returns the mean over the points of `a` of the squared distance to the nearest point of `b`.
    private mutating func mean(_ a: CloudLeaves, to b: CloudLeaves) -> Double {
        var sum = 0.0
        for group in a.groups.indices {
            let least = nearest(a, group, b)
            sum += least.sum(of: a.count - group * CloudLeaves.groupPoints)
        }
        return sum / Double(a.count)
    }

    private mutating func nearest(_ a: CloudLeaves, _ group: Int, _ b: CloudLeaves) -> Least {
        var least = Least()
        bound(a.groups[group], b)
        var smallest = bounds[0]
        for lanes in bounds { smallest = Self.lesser(smallest, lanes) }
        // The leaves at the smallest bound, which is 0 if boxes overlap, give a first guess.
        let nearestBound = Self.smallest(smallest)
        for (block, lanes) in bounds.enumerated() where Self.smallest(lanes) == nearestBound {
            for lane in 0..<Lanes.scalarCount where lanes[lane] == nearestBound {
                Self.visit(a, group, b, block * Lanes.scalarCount + lane, &least)
            }
        }
        var farthest = Self.largest(least.first, least.second, least.third, least.fourth)
        for (block, lanes) in bounds.enumerated() where Self.smallest(lanes) < farthest {
            for lane in 0..<Lanes.scalarCount where lanes[lane] < farthest && lanes[lane] > nearestBound {
                Self.visit(a, group, b, block * Lanes.scalarCount + lane, &least)
                farthest = Self.largest(least.first, least.second, least.third, least.fourth)
            }
        }
        return least
    }

    /// Computes, for each leaf, a number that no squared distance from the group to the leaf falls below, even after
    /// rounding.
    private mutating func bound(_ group: (low: SIMD4<Float>, high: SIMD4<Float>), _ b: CloudLeaves) {
        bounds.removeAll(keepingCapacity: true)
        for (low, high) in zip(b.low, b.high) {
            let dx = Self.gap(group.low.x, group.high.x, low.x, high.x)
            let dy = Self.gap(group.low.y, group.high.y, low.y, high.y)
            let dz = Self.gap(group.low.z, group.high.z, low.z, high.z)
            bounds.append((dx * dx + dy * dy + dz * dz) * 0.99999)
        }
    }

    @inline(__always)
    private static func gap(_ low: Float, _ high: Float, _ otherLow: Lanes, _ otherHigh: Lanes) -> Lanes {
        greatest(greatest(otherLow - high, low - otherHigh), .zero)
    }

    /// Compares each point of a group with each point of a leaf.
    @inline(never)
    private static func visit(_ a: CloudLeaves, _ group: Int, _ b: CloudLeaves, _ leaf: Int, _ least: inout Least) {
        let first = group * CloudLeaves.groupLeaves
        let (a0, a1, a2, a3) = (a.points[first], a.points[first + 1], a.points[first + 2], a.points[first + 3])
        var (m0, m1, m2, m3) = (least.first, least.second, least.third, least.fourth)
        for place in leaf * CloudLeaves.leafPoints..<(leaf + 1) * CloudLeaves.leafPoints {
            let point = b.singles[place]
            let (x, y, z) = (Lanes(repeating: point.x), Lanes(repeating: point.y), Lanes(repeating: point.z))
            m0 = lesser(m0, square(a0, x, y, z))
            m1 = lesser(m1, square(a1, x, y, z))
            m2 = lesser(m2, square(a2, x, y, z))
            m3 = lesser(m3, square(a3, x, y, z))
        }
        (least.first, least.second, least.third, least.fourth) = (m0, m1, m2, m3)
    }

    @inline(__always)
    private static func square(_ points: Points, _ x: Lanes, _ y: Lanes, _ z: Lanes) -> Lanes {
        let (dx, dy, dz) = (points.x - x, points.y - y, points.z - z)
        return (dx * dx).addingProduct(dy, dy).addingProduct(dz, dz)
    }

    @inline(__always)
    private static func lesser(_ a: Lanes, _ b: Lanes) -> Lanes { a.replacing(with: b, where: b .< a) }

    @inline(__always)
    private static func greatest(_ a: Lanes, _ b: Lanes) -> Lanes { a.replacing(with: b, where: b .> a) }

    // These two are no part of the functions that call them: the compiler would cut those functions' vectors in halves.

    @inline(never)
    private static func smallest(_ lanes: Lanes) -> Float {
        let eight = lanes.lowHalf.replacing(with: lanes.highHalf, where: lanes.highHalf .< lanes.lowHalf)
        let four = eight.lowHalf.replacing(with: eight.highHalf, where: eight.highHalf .< eight.lowHalf)
        return min(min(four.x, four.y), min(four.z, four.w))
    }

    @inline(never)
    private static func largest(_ a: Lanes, _ b: Lanes, _ c: Lanes, _ d: Lanes) -> Float {
        let lanes = greatest(greatest(a, b), greatest(c, d))
        let eight = lanes.lowHalf.replacing(with: lanes.highHalf, where: lanes.highHalf .> lanes.lowHalf)
        let four = eight.lowHalf.replacing(with: eight.highHalf, where: eight.highHalf .> eight.lowHalf)
        return max(max(four.x, four.y), max(four.z, four.w))
    }
}
