import Diagnostics
import Tensors

/// Compares sets of samples with one reference.
package struct ReferenceComparison: Sendable {
    package let reference: NamedSet
    private let wantsKernel: Bool
    /// Covariances have no eigenvalue below 0 but by rounding; relative to the largest.
    private static let lowestEigenvalue = -1e-2
    /// The number of neighbours for precision and recall; nil if they are not asked for.
    private let neighbours: Int?

    /// Throws `.data` if the reference has no covariance, or if KID, precision or recall are asked for and it has no
    /// feature vectors.
    package init(with reference: NamedSet, wantsKernel: Bool = false, neighbours: Int? = nil) throws {
        self.reference = reference
        self.wantsKernel = wantsKernel
        self.neighbours = neighbours
        try locating(reference.name) {
            try reference.features.statistics.checkCovariance()
            if wantsKernel || neighbours != nil { _ = try reference.features.allVectors }
        }
    }

    /// Throws `.data`, naming both, if the features of `set` cannot be compared with the reference's.
    ///
    /// - Parameter features: the name of the features; nil if it is not known.
    package func check(_ set: String, features: String?, dimension: Int) throws {
        let own = reference.features.statistics
        if let features, let others = own.features, features != others {
            throw Failure(.data, place: reference.name, "holds \(others), but \(set) \(features)")
        }
        guard own.dimension == dimension else {
            throw Failure(
                .data, place: reference.name,
                "holds \(counted(own.dimension, "feature")) a sample, but \(set) \(dimension)")
        }
    }

    /// Returns the distances of all sets from the reference. Throws `.data` if a set cannot be compared with it; the set
    /// is named.
    ///
    /// - Parameter quantization: the rule's name, reported if samples were quantized.
    package func report(on sets: [NamedSet], quantization: String) throws -> DistanceReport {
        let target = reference.features.statistics
        let entries = try sets.map { set in
            let own = set.features.statistics
            try check(set.name, features: own.features, dimension: own.dimension)
            return try locating(set.name) { try entry(set) }
        }
        return DistanceReport(
            entries: entries, reference: reference.name, referenceCount: target.count,
            features: ([target] + sets.map(\.features.statistics)).compactMap(\.features).first,
            dimension: target.dimension,
            quantization: ([reference] + sets).contains(where: \.isQuantized) ? quantization : nil,
            unnamed: ([reference] + sets).filter { $0.features.statistics.features == nil }.map(\.name))
    }

    private func entry(_ set: NamedSet) throws -> DistanceReport.Entry {
        let (own, target) = (set.features, reference.features)
        let distance = try own.distance(to: target)
        guard distance.value.isFinite else {
            throw Failure(.data, "its distance to \(reference.name) is not finite: the statistics are too large")
        }
        guard distance.clipped > Self.lowestEigenvalue else {
            throw Failure(
                .data,
                "its covariance or that of \(reference.name) is none: there are eigenvalues down to "
                    + "\(significant(distance.clipped, digits: 3)) of the largest")
        }
        return DistanceReport.Entry(
            name: set.name, statistics: own.statistics, distance: distance,
            kernel: wantsKernel ? try KernelDistance(own.allVectors, target.allVectors) : nil,
            precisionRecall: try neighbours.map {
                try PrecisionRecall(generated: own.allVectors, real: target.allVectors, neighbours: $0)
            },
            rmsd: own.rmsd)
    }
}

extension FeatureSet {
    /// The vectors of all samples. Throws `.data` if they were not kept.
    fileprivate var allVectors: Tensor<Float> {
        get throws {
            guard let vectors else {
                throw Failure(
                    .data, "statistics hold no feature vectors, which KID, precision and recall need",
                    suggestion: "give pictures or a file of features")
            }
            return vectors
        }
    }
}
