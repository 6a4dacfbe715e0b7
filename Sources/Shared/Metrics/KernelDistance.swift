import Diagnostics
import LinearAlgebra
import Tensors

/// Kernel inception distance (METHODS section M7.5; Binkowski et al. 2018): the unbiased squared maximum mean
/// discrepancy under the kernel (x.y / D + 1)^3.
package struct KernelDistance: Sendable, Equatable {
    /// Mean over the subsets.
    package let value: Double
    /// Standard deviation over the subsets; 0 for one.
    package let deviation: Double
    package let subsets: Int
    package let subsetSize: Int

    /// Averages over subsets of at most `size` rows drawn without replacement from features [n, D] and [m, D]; fewer
    /// rows than `size` make subsets of as many as there are. The draw is fixed: equal input gives equal output.
    package init(_ first: Tensor<Float>, _ second: Tensor<Float>, subsets: Int = 100, size: Int = 1000) throws {
        guard first.sampleCount == second.sampleCount else {
            throw Failure(.data, "features of \(first.sampleCount) and \(second.sampleCount) numbers differ")
        }
        let (one, two) = (try Self.rows(first), try Self.rows(second))
        let subsetSize = min(size, first.batch, second.batch)
        var draw = SubsetDraw(seed: 0)
        let all = first.batch == subsetSize && second.batch == subsetSize
        let values = try (0..<(all ? 1 : subsets)).map { _ in
            try Self.discrepancy(
                one, rows: draw.indices(subsetSize, of: first.batch), two,
                rows: draw.indices(subsetSize, of: second.batch), dimension: first.sampleCount)
        }
        let mean = values.reduce(0, +) / Double(values.count)
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        value = mean
        deviation = (squares / Double(values.count)).squareRoot()
        self.subsets = values.count
        self.subsetSize = subsetSize
    }

    /// The unbiased estimate from the given rows of features [n, D] and [m, D]. Status 65 for fewer than two rows.
    package static func discrepancy(
        _ first: [Double], rows firstRows: [Int], _ second: [Double], rows secondRows: [Int], dimension: Int
    ) throws -> Double {
        guard firstRows.count > 1, secondRows.count > 1 else { throw Failure(.data, "two samples are needed at least") }
        let one = firstRows.flatMap { first[$0 * dimension..<($0 + 1) * dimension] }
        let two = secondRows.flatMap { second[$0 * dimension..<($0 + 1) * dimension] }
        return meanKernel(one, one, dimension, withDiagonal: false)
            + meanKernel(two, two, dimension, withDiagonal: false)
            - 2 * meanKernel(one, two, dimension, withDiagonal: true)
    }

    private static func rows(_ features: Tensor<Float>) throws -> [Double] {
        guard features.batch > 1 else { throw Failure(.data, "two samples are needed at least") }
        return features.elements.map { Double($0) }
    }

    private static func meanKernel(
        _ first: [Double], _ second: [Double], _ dimension: Int, withDiagonal: Bool
    ) -> Double {
        let (rows, columns) = (first.count / dimension, second.count / dimension)
        let products = matrixProduct(
            first, second, rows: rows, inner: dimension, columns: columns, rightTransposed: true)
        var sum = 0.0
        for row in 0..<rows {
            var rowSum = 0.0
            for column in 0..<columns where withDiagonal || row != column {
                let base = products[row * columns + column] / Double(dimension) + 1
                rowSum += base * base * base
            }
            sum += rowSum
        }
        return sum / Double(withDiagonal ? rows * columns : rows * (rows - 1))
    }
}

/// Draws rows without replacement, the same ones every time (SplitMix64 and a partial shuffle).
private struct SubsetDraw {
    private var generator: SplitMix

    init(seed: UInt64) { generator = SplitMix(seed: seed) }

    mutating func indices(_ count: Int, of total: Int) -> [Int] {
        var all = Array(0..<total)
        guard count < total else { return all }
        for place in 0..<count { all.swapAt(place, place + Int(next(below: UInt64(total - place)))) }
        return Array(all.prefix(count))
    }

    private mutating func next(below bound: UInt64) -> UInt64 {
        generator.next().multipliedFullWidth(by: bound).high
    }
}
