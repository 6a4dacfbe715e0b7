import Diagnostics
import Tensors

/// The count, the sum and the sum of outer products of feature vectors in Double. A Fréchet distance needs nothing
/// else, and they can be merged exactly.
package struct Moments: Sendable, Equatable {
    package let dimension: Int
    package private(set) var count: Int
    /// [D]
    package private(set) var sum: [Double]
    /// [D, D], a symmetric matrix.
    package private(set) var outer: [Double]
    /// The seeds of the samples; empty if they have none.
    package private(set) var seeds: SeedRanges

    /// `sum` and `outer` must have the sizes that `dimension` says.
    package init(dimension: Int, count: Int, sum: [Double], outer: [Double], seeds: SeedRanges) {
        precondition(sum.count == dimension && outer.count == dimension * dimension)
        self.dimension = dimension
        self.count = count
        self.sum = sum
        self.outer = outer
        self.seeds = seeds
    }

    /// Forgets the seeds.
    package mutating func removeSeeds() { seeds = SeedRanges() }

    /// [D]; `count` must be at least 1.
    package var mean: [Double] { sum.map { $0 / Double(count) } }

    /// The unbiased covariance (sum f f^T - n mu mu^T) / (n - 1), [D, D]. `count` must be at least 2.
    package var covariance: [Double] {
        let mean = mean
        var result = outer
        for row in 0..<dimension {
            for column in 0..<dimension {
                let index = row * dimension + column
                result[index] = (result[index] - Double(count) * mean[row] * mean[column]) / Double(count - 1)
            }
        }
        return result
    }

    /// Returns the moments of all parts together. They are added in the order of their lowest seeds, so the bits do not
    /// depend on the order of `parts`. If a part has no seeds, the total has none. Throws `.data` if dimensions differ
    /// or if a seed is in two parts.
    package static func merge(_ parts: [Moments]) throws -> Moments {
        let ordered = parts.sorted { $0.precedes($1) }
        guard var total = ordered.first else { throw Failure(.data, "nothing to merge") }
        for part in ordered.dropFirst() {
            guard part.dimension == total.dimension else {
                throw Failure(.data, "features of \(part.dimension) and \(total.dimension) numbers cannot be merged")
            }
            total.seeds = try total.seeds.union(part.seeds)
            total.count += part.count
            for index in total.sum.indices { total.sum[index] += part.sum[index] }
            for index in total.outer.indices { total.outer[index] += part.outer[index] }
        }
        if parts.contains(where: { $0.seeds.isEmpty && $0.count > 0 }) { total.seeds = SeedRanges() }
        return total
    }

    /// A total order: by the lowest seed, parts without seeds last, then by content.
    private func precedes(_ other: Moments) -> Bool {
        let (mine, theirs) = (seeds.lowest ?? .max, other.seeds.lowest ?? .max)
        if mine != theirs { return mine < theirs }
        if count != other.count { return count < other.count }
        return sum.lexicographicallyPrecedes(other.sum)
    }
}
