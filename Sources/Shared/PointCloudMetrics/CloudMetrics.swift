import Tensors

/// How well a set of sampled clouds matches a set of references (Luo and Hu 2021; paper, App. B.1). The Chamfer distance
/// and the divergence are told in plain units; the paper's tables show them times 1000.
package struct CloudMetrics: Sendable, Equatable {
    /// MMD-CD: the mean over the references of the distance to the nearest sample.
    package var minimumMatchingDistance: Double
    /// The mean over the samples of the distance to the nearest reference.
    package var sampleDistance: Double
    /// COV-CD: the share of the references that are nearest to some sample.
    package var coverage: Double
    /// nil if it was not asked for.
    package var neighbours: NeighbourAccuracy?
    /// JSD, in bits.
    package var divergence: Double
    /// The distance of each reference to the nearest sample.
    package private(set) var referenceDistances: [Double]
    /// The distance of each sample to the nearest reference, and the number of that reference.
    package private(set) var sampleDistances: [Double] = []
    package private(set) var nearestReferences: [Int] = []

    package init(
        sampleToReference distances: CloudDistances, neighbours: NeighbourAccuracy?, divergence: Double
    ) {
        referenceDistances = [Double](repeating: .infinity, count: distances.columns)
        var covered = [Bool](repeating: false, count: distances.columns)
        var total = 0.0
        for row in 0..<distances.rows {
            var nearest = 0
            for column in 0..<distances.columns {
                let distance = distances[row, column]
                if distance < distances[row, nearest] { nearest = column }
                referenceDistances[column] = min(referenceDistances[column], distance)
            }
            covered[nearest] = true
            total += distances[row, nearest]
            sampleDistances.append(distances[row, nearest])
            nearestReferences.append(nearest)
        }
        minimumMatchingDistance = referenceDistances.reduce(0, +) / Double(distances.columns)
        sampleDistance = total / Double(distances.rows)
        coverage = Double(covered.count { $0 }) / Double(distances.columns)
        self.neighbours = neighbours
        self.divergence = divergence
    }
}

/// 1-NNA-CD: the share of the clouds of both sets whose nearest other cloud is of their own set. A half is best.
package struct NeighbourAccuracy: Sendable, Equatable {
    package var all: Double
    /// Among the references.
    package var references: Double
    /// Among the samples.
    package var samples: Double
    /// The distance of each reference to the nearest other reference.
    package private(set) var referenceDistances: [Double]

    /// - Parameters:
    ///   - cross: distances of the samples, by row, to the references.
    package init(references: CloudDistances, cross: CloudDistances, samples: CloudDistances) {
        let distances = (0..<references.rows).map { row in
            Self.least(references.rows, but: row) { references[row, $0] }
        }
        let ownReferences = (0..<references.rows).count { row in
            // If a reference and a sample are equally near, the reference counts as the nearest.
            distances[row] <= Self.least(samples.rows, but: nil) { cross[$0, row] }
        }
        referenceDistances = distances
        let ownSamples = (0..<samples.rows).count { row in
            let own = Self.least(samples.rows, but: row) { samples[row, $0] }
            return own < Self.least(references.rows, but: nil) { cross[row, $0] }
        }
        self.references = Double(ownReferences) / Double(references.rows)
        self.samples = Double(ownSamples) / Double(samples.rows)
        all = Double(ownReferences + ownSamples) / Double(references.rows + samples.rows)
    }

    private static func least(_ count: Int, but excluded: Int?, _ distance: (Int) -> Double) -> Double {
        var least = Double.infinity
        for index in 0..<count where index != excluded { least = min(least, distance(index)) }
        return least
    }
}
