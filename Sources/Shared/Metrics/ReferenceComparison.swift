import Diagnostics
import Tensors

/// Compares sets of samples with one reference.
package struct ReferenceComparison: Sendable {
    private let reference: NamedSet
    private let wantsKernel: Bool
    /// The number of neighbours for precision and recall; nil if they are not asked for.
    private let neighbours: Int?

    /// Throws `.data` if KID, precision or recall are asked for and the reference has no feature vectors.
    package init(with reference: NamedSet, wantsKernel: Bool = false, neighbours: Int? = nil) throws {
        self.reference = reference
        self.wantsKernel = wantsKernel
        self.neighbours = neighbours
        if wantsKernel || neighbours != nil { _ = try locating(reference.name) { try reference.features.allVectors } }
    }

    /// Returns the distances of all sets from the reference. Throws `.data` if a set cannot be compared with it; the set
    /// is named.
    ///
    /// - Parameter quantization: the rule's name, reported if samples were quantized.
    package func report(on sets: [NamedSet], quantization: String) throws -> DistanceReport {
        let target = reference.features.statistics
        let entries = try sets.map { set in try locating(set.name) { try entry(set) } }
        return DistanceReport(
            entries: entries, reference: reference.name, referenceCount: target.count,
            features: ([target] + sets.map(\.features.statistics)).compactMap(\.features).first,
            dimension: target.dimension,
            quantization: ([reference] + sets).contains(where: \.isQuantized) ? quantization : nil)
    }

    private func entry(_ set: NamedSet) throws -> DistanceReport.Entry {
        let (own, target) = (set.features, reference.features)
        return DistanceReport.Entry(
            name: set.name, statistics: own.statistics, distance: try own.distance(to: target),
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
