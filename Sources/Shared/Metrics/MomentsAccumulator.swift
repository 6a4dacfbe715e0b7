import Diagnostics
import LinearAlgebra
import Tensors

/// Adds up the moments of features as they come. Products are formed over blocks of a fixed number of rows, so the bits
/// depend only on the order of the samples, not on how they are cut into batches.
package struct MomentsAccumulator {
    static let blockRows = 128

    private let dimension: Int
    private var count = 0
    private var sum: [Double]
    /// The lower triangle, row by row.
    private var outer: [Double]
    private var block: [Double] = []
    private var seeds = SeedRanges()
    private var isSeeded = true

    package init(dimension: Int) {
        precondition(dimension > 0)
        self.dimension = dimension
        sum = [Double](repeating: 0, count: dimension)
        outer = [Double](repeating: 0, count: dimension * dimension)
        block.reserveCapacity(Self.blockRows * dimension)
    }

    /// Adds features [B, D] of samples with these seeds; nil if the samples have none. Throws `.data` if a seed was
    /// there before, and if a feature is not finite.
    package mutating func add(_ features: Tensor<Float>, seeds newSeeds: [Int64]?) throws {
        precondition(features.sampleCount == dimension)
        if let newSeeds {
            for seed in newSeeds { try seeds.insert(seed) }
        } else {
            isSeeded = false
        }
        let first = count
        if let bad = features.firstNonFinite() {
            let sample = bad / dimension
            let name = newSeeds.map { "seed \($0[sample])" } ?? "sample \(first + sample)"
            throw Failure(.data, place: name, "feature \(bad % dimension) is not a finite number")
        }
        for sample in 0..<features.batch {
            let values = features.doubles(sample: sample)
            for place in 0..<dimension { sum[place] += values[place] }
            block += values
            count += 1
            if block.count == Self.blockRows * dimension { flush() }
        }
    }

    /// Returns the moments so far.
    package mutating func finish() -> Moments {
        flush()
        for row in 0..<dimension {
            for column in 0..<row { outer[column * dimension + row] = outer[row * dimension + column] }
        }
        return Moments(
            dimension: dimension, count: count, sum: sum, outer: outer, seeds: isSeeded ? seeds : SeedRanges())
    }

    private mutating func flush() {
        addGram(of: block, columns: dimension, toLowerTriangleOf: &outer)
        block.removeAll(keepingCapacity: true)
    }
}
