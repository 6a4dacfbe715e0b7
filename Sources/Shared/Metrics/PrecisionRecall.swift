import Diagnostics
import LinearAlgebra
import Tensors

/// Precision and recall of generated features against real ones (Kynkäänniemi et al. 2019, Eq. 1 and 2): the share of
/// each set that lies in at least one ball of the other set. The ball of a sample reaches to its k-th nearest
/// neighbour.
package struct PrecisionRecall: Sendable, Equatable {
    package let precision: Double
    package let recall: Double

    /// Compares features [n, D] and [m, D]; `neighbours` is the paper's k. Throws `.data` if a set has no more than k
    /// samples.
    package init(generated: Tensor<Float>, real: Tensor<Float>, neighbours: Int = 3) throws {
        guard generated.sampleCount == real.sampleCount else {
            throw Failure(.data, "features of \(generated.sampleCount) and \(real.sampleCount) numbers differ")
        }
        guard min(generated.batch, real.batch) > neighbours else {
            throw Failure(.data, "more than \(neighbours) samples are needed on both sides")
        }
        let (fake, actual) = (PointSet(generated), PointSet(real))
        precision = actual.shareOf(fake, within: actual.radii(neighbours: neighbours))
        recall = fake.shareOf(actual, within: fake.radii(neighbours: neighbours))
    }
}

/// Points with their squared lengths. Squared distances are formed block by block.
private struct PointSet {
    private static let blockRows = 256

    let count: Int
    let dimension: Int
    let rows: [Double]
    let squares: [Double]

    init(_ features: Tensor<Float>) {
        let (count, dimension) = (features.batch, features.sampleCount)
        let rows = features.elements.map { Double($0) }
        self.count = count
        self.dimension = dimension
        self.rows = rows
        squares = (0..<count).map { row in
            rows[row * dimension..<(row + 1) * dimension].reduce(0) { $0 + $1 * $1 }
        }
    }

    /// Returns the squared distance of every point from its k-th nearest other point.
    func radii(neighbours: Int) -> [Double] {
        var result: [Double] = []
        distances(from: self) { row, values in
            var nearest = [Double](repeating: .infinity, count: neighbours)
            for (column, value) in values.enumerated() where column != row && value < nearest[neighbours - 1] {
                nearest[neighbours - 1] = value
                nearest.sort()
            }
            result.append(nearest[neighbours - 1])
        }
        return result
    }

    /// Returns the share of `others` that lie in the ball of at least one of these points.
    func shareOf(_ others: PointSet, within radii: [Double]) -> Double {
        var inside = 0
        distances(from: others) { _, values in
            if zip(values, radii).contains(where: { $0 <= $1 }) { inside += 1 }
        }
        return Double(inside) / Double(others.count)
    }

    /// Calls `body` for each of `others` in order, with its squared distances from all of these points.
    private func distances(from others: PointSet, _ body: (Int, [Double]) -> Void) {
        for start in stride(from: 0, to: others.count, by: Self.blockRows) {
            let height = min(Self.blockRows, others.count - start)
            let block = Array(others.rows[start * dimension..<(start + height) * dimension])
            let products = matrixProduct(
                block, rows, rows: height, inner: dimension, columns: count, rightTransposed: true)
            for row in 0..<height {
                let own = others.squares[start + row]
                body(start + row, (0..<count).map { max(0, own + squares[$0] - 2 * products[row * count + $0]) })
            }
        }
    }
}
