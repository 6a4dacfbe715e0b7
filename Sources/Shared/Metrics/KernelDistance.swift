import Diagnostics
import LinearAlgebra
import Tensors

/// The kernel inception distance (Binkowski et al. 2018; docs/methods/metrics.md, "KID"): the unbiased squared maximum
/// mean discrepancy under the kernel (x.y / D + 1)^3.
package struct KernelDistance: Sendable, Equatable {
    /// The mean over the subsets.
    package let value: Double
    /// The standard deviation over the subsets; 0 for one subset.
    package let deviation: Double
    package let subsets: Int
    package let subsetSize: Int

    /// Averages over subsets of `size` rows, drawn without replacement from features [n, D] and [m, D]. If a side has
    /// fewer rows, the subsets are as large as that side; if no side has more rows, all rows are the only subset. The
    /// draw is fixed: equal input gives equal output. Throws `.data` for fewer than two rows or different D.
    package init(_ first: Tensor<Float>, _ second: Tensor<Float>, subsets: Int = 100, size: Int = 1000) throws {
        guard first.sampleCount == second.sampleCount else {
            throw Failure(.data, "features of \(first.sampleCount) and \(second.sampleCount) numbers differ")
        }
        let (one, two) = (try Self.rows(first), try Self.rows(second))
        let subsetSize = min(size, first.batch, second.batch)
        var generator = SplitMix(seed: 0)
        let all = first.batch == subsetSize && second.batch == subsetSize
        let values = try (0..<(all ? 1 : subsets)).map { _ in
            try Self.discrepancy(
                one, rows: generator.subset(subsetSize, of: first.batch), two,
                rows: generator.subset(subsetSize, of: second.batch), dimension: first.sampleCount)
        }
        let mean = values.reduce(0, +) / Double(values.count)
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        value = mean
        deviation = (squares / Double(values.count)).squareRoot()
        self.subsets = values.count
        self.subsetSize = subsetSize
    }

    /// Returns the unbiased estimate from the given rows of features [n, D] and [m, D]. Throws `.data` for fewer than two
    /// rows.
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

    /// Returns the mean kernel of all pairs of a row of `first` and a row of `second`, without those of equal number
    /// unless `withDiagonal` is true.
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
                rowSum += polynomialKernel(products[row * columns + column], dimension: dimension).value
            }
            sum += rowSum
        }
        return sum / Double(withDiagonal ? rows * columns : rows * (rows - 1))
    }
}

/// The kernel of KID, (x.y / D + 1)^3, times `weight`, as a function of the product x.y of two vectors of D numbers.
/// Returns its value and its derivative with respect to x.y.
package func polynomialKernel(
    _ product: Double, dimension: Int, weight: Double = 1
) -> (value: Double, slope: Double) {
    let base = product / Double(dimension) + 1
    return (weight * base * base * base, weight * 3 * base * base / Double(dimension))
}

extension SplitMix {
    /// Draws `count` of 0 ..< total without replacement (a partial shuffle); all of them in order if there are no more.
    fileprivate mutating func subset(_ count: Int, of total: Int) -> [Int] {
        var all = Array(0..<total)
        guard count < total else { return all }
        for place in 0..<count {
            all.swapAt(place, place + Int(next().multipliedFullWidth(by: UInt64(total - place)).high))
        }
        return Array(all.prefix(count))
    }
}
