import Diagnostics
import LinearAlgebra
import Tensors

/// The Fréchet distance between two Gaussians (Heusel et al. 2017, Eq. 6; docs/methods/metrics.md, "Fréchet distance"):
///
///     |mu1 - mu2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2)
package struct FrechetDistance: Sendable, Equatable {
    package let value: Double
    /// |mu1 - mu2|^2
    package let meanTerm: Double
    /// tr S1 + tr S2 - 2 tr (S1 S2)^(1/2), or 0 if rounding made it negative.
    package let covarianceTerm: Double
    /// The most negative eigenvalue that was taken for 0, relative to the largest of its matrix; 0 if there was none.
    package let clipped: Double

    /// Computes the distance from means [D] and covariances [D, D] with eigenvalues of symmetric matrices only: with S1
    /// = U L U^T, the last trace is the sum of the square roots of the eigenvalues of (L^(1/2) U^T) S2 (U L^(1/2)).
    /// Throws `.data` if dimensions differ or a number is not finite.
    package init(
        mean first: [Double], covariance firstCovariance: [Double], mean second: [Double],
        covariance secondCovariance: [Double]
    ) throws {
        let dimension = first.count
        guard second.count == dimension, firstCovariance.count == dimension * dimension,
            secondCovariance.count == dimension * dimension
        else { throw Failure(.data, "features of \(first.count) and \(second.count) numbers cannot be compared") }
        guard (first + second).allSatisfy(\.isFinite), firstCovariance.allSatisfy(\.isFinite),
            secondCovariance.allSatisfy(\.isFinite)
        else { throw Failure(.data, "the statistics hold a number that is not finite") }

        let eigen = try SymmetricEigen(firstCovariance, dimension: dimension, vectors: true)
        let roots = eigen.values.map { max($0, 0).squareRoot() }
        let scaled = eigen.vectors.indices.map { eigen.vectors[$0] * roots[$0 / dimension] }
        let half = matrixProduct(scaled, secondCovariance, rows: dimension, inner: dimension, columns: dimension)
        let product = try SymmetricEigen(
            matrixProduct(
                half, scaled, rows: dimension, inner: dimension, columns: dimension, rightTransposed: true),
            dimension: dimension, vectors: false)
        let trace = product.values.reduce(0) { $0 + max($1, 0).squareRoot() }
        let traces = (0..<dimension).reduce(0) {
            $0 + firstCovariance[$1 * (dimension + 1)] + secondCovariance[$1 * (dimension + 1)]
        }
        meanTerm = zip(first, second).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        covarianceTerm = max(0, traces - 2 * trace)
        value = meanTerm + covarianceTerm
        clipped = min(Self.negativePart(eigen.values), Self.negativePart(product.values))
    }

    /// Computes the distance from two sets of feature vectors [n1, D] and [n2, D] with fewer samples than dimensions,
    /// at least 2 each. With the centred sets A and B, the last trace is the sum of the singular values of A B^T; no
    /// condition number is squared.
    package init(features first: Tensor<Float>, features second: Tensor<Float>) throws {
        let dimension = first.sampleCount
        guard second.sampleCount == dimension else {
            throw Failure(.data, "features of \(dimension) and \(second.sampleCount) numbers cannot be compared")
        }
        guard first.batch > 1, second.batch > 1 else { throw Failure(.data, "two samples are needed at least") }
        let (one, two) = (CentredFeatures(first), CentredFeatures(second))
        let cross = matrixProduct(
            one.rows, two.rows, rows: one.count, inner: dimension, columns: two.count, rightTransposed: true)
        let trace = try singularValues(cross, rows: one.count, columns: two.count).reduce(0, +)
        meanTerm = zip(one.mean, two.mean).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        covarianceTerm = max(0, one.trace + two.trace - 2 * trace)
        value = meanTerm + covarianceTerm
        clipped = 0
    }

    private static func negativePart(_ values: [Double]) -> Double {
        guard let lowest = values.first, let highest = values.last, lowest < 0, highest > 0 else { return 0 }
        return lowest / highest
    }
}

/// Feature vectors minus their mean, divided by the square root of n - 1, so that the covariance is rows^T rows.
private struct CentredFeatures {
    let count: Int
    let mean: [Double]
    /// [n, D]
    let rows: [Double]
    var trace: Double { rows.reduce(0) { $0 + $1 * $1 } }

    init(_ features: Tensor<Float>) {
        let (count, dimension) = (features.batch, features.sampleCount)
        var mean = [Double](repeating: 0, count: dimension)
        var rows = features.elements.map { Double($0) }
        for sample in 0..<count {
            for place in 0..<dimension { mean[place] += rows[sample * dimension + place] / Double(count) }
        }
        let scale = 1 / Double(count - 1).squareRoot()
        for index in rows.indices { rows[index] = (rows[index] - mean[index % dimension]) * scale }
        (self.count, self.mean, self.rows) = (count, mean, rows)
    }
}
