import Tensors

/// A set of clouds in one scale, with what comparisons with several other sets share.
package struct CloudSet: Sendable {
    package let clouds: [PointCloud]
    let leaves: [CloudLeaves]
    let occupancy: CloudOccupancy

    /// `clouds` must all have points, and be in the scale in which they are compared.
    package init(_ clouds: [PointCloud], pool: ThreadPool) {
        self.clouds = clouds
        leaves = clouds.map { CloudLeaves($0) }
        occupancy = CloudOccupancy(clouds, pool: pool)
    }

    package var count: Int { clouds.count }

    /// Returns the distances within the set.
    package func distances(
        pool: ThreadPool, advance: @escaping @Sendable () -> Void = {}
    ) -> CloudDistances { .within(leaves, pool: pool, advance: advance) }

    /// Returns the distances of these clouds, by row, to those of `other`.
    package func distances(
        to other: CloudSet, pool: ThreadPool, advance: @escaping @Sendable () -> Void = {}
    ) -> CloudDistances { .between(leaves, other.leaves, pool: pool, advance: advance) }

    /// Returns the metrics of these clouds as samples.
    ///
    /// - Parameters:
    ///   - own: the distances within the references, for 1-NNA; nil if it is not wanted.
    package func metrics(
        against references: CloudSet, own: CloudDistances?, pool: ThreadPool,
        advance: @escaping @Sendable () -> Void = {}
    ) -> CloudMetrics {
        let cross = distances(to: references, pool: pool, advance: advance)
        let neighbours = own.map {
            NeighbourAccuracy(
                references: $0, cross: cross, samples: distances(pool: pool, advance: advance))
        }
        return CloudMetrics(
            sampleToReference: cross, neighbours: neighbours,
            divergence: occupancy.divergence(from: references.occupancy))
    }
}
