import Diagnostics
import Fitting
import LinearAlgebra
import Metrics
import Tensors

/// How far a batch of samples is from the targets of all pairs as distributions: the unbiased squared maximum mean
/// discrepancy of features under the kernel (x.y / D + 1)^3 (docs/methods/metrics.md, "KID"). No sample is compared
/// with its own target.
///
/// As a `Loss`, the mean of a whole batch is its discrepancy: a sample's value is its share, which may be negative.
package struct DistributionScore<Element: TensorElement>: Loss {
    private let features: any DifferentiableFeatures<Element>
    /// [P, D]
    private let references: Tensor<Double>
    /// For each target its mean kernel with the others.
    private let referenceMeans: [Double]

    /// Throws `data` if there are fewer than two targets, [P, target shape].
    package init(_ features: any DifferentiableFeatures<Element>, targets: Tensor<Element>, chunk: Int = 64) throws {
        guard targets.batch > 1 else {
            throw Failure(
                .data, place: "method ggdm",
                "needs two pairs to train on and two to validate with, to compare distributions")
        }
        self.features = features
        references = Tensor.concatenate(
            try Array(0..<targets.batch).chunks(of: chunk).map { try features.linearize(targets.gather($0)).values })
        referenceMeans = Kernel(references, references, excluding: Array(0..<targets.batch)).means
    }

    package func values(_ samples: Tensor<Element>, pairs: [Int]) throws -> [Double] {
        comparison(try features.linearize(samples).values, pairs).values
    }

    package func gradients(_ samples: Tensor<Element>, pairs: [Int]) throws -> LossGradients<Element> {
        let (values, pullback) = try features.linearize(samples)
        let comparison = comparison(values, pairs)
        return LossGradients(values: comparison.values, samples: try pullback(comparison.cotangent))
    }

    /// Returns the shares, and the gradient of their sum with respect to the samples' features.
    private func comparison(_ own: Tensor<Double>, _ pairs: [Int]) -> (values: [Double], cotangent: Tensor<Double>) {
        precondition(own.batch == pairs.count && own.batch > 1)
        let places = Array(0..<own.batch)
        let among = Kernel(own, own, excluding: places)
        let across = Kernel(own, references, excluding: pairs)
        // Each sample is met in its own row and in its column of `among`.
        var cotangent = among.slopes.scaled(by: 2)
        cotangent.add(across.slopes, times: -2)
        let shares = places.map { among.means[$0] + referenceMeans[pairs[$0]] - 2 * across.means[$0] }
        return (shares, cotangent)
    }
}

/// The mean of (x.y / D + 1)^3 over the rows y, one of them left out, for each row x, and its derivative in x.
private struct Kernel {
    /// [B]
    let means: [Double]
    /// [B, D]
    let slopes: Tensor<Double>

    /// - Parameter excluding: for each row of `left` the row of `right` that is left out.
    init(_ left: Tensor<Double>, _ right: Tensor<Double>, excluding: [Int]) {
        let (rows, columns, dimension) = (left.batch, right.batch, left.sampleCount)
        let others = right.elements
        var products = matrixProduct(
            left.elements, others, rows: rows, inner: dimension, columns: columns, rightTransposed: true)
        var means = [Double](repeating: 0, count: rows)
        let share = 1 / Double(columns - 1)
        for row in 0..<rows {
            for column in 0..<columns {
                let index = row * columns + column
                let kernel = polynomialKernel(products[index], dimension: dimension, weight: share)
                let counts = column != excluding[row]
                means[row] += counts ? kernel.value : 0
                products[index] = counts ? kernel.slope : 0
            }
        }
        self.means = means
        slopes = Tensor(
            shape: left.shape,
            elements: matrixProduct(products, others, rows: rows, inner: columns, columns: dimension))
    }
}
