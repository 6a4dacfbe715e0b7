import Diagnostics

extension FeatureStatistics {
    /// The relative error that is left to the rounding of other tools. `numpy.cov`, by which pytorch-fid, clean-fid and
    /// torch-fidelity compute, and EDM's sums of products are symmetric to the last bit, in Float and after a cast to Float16
    /// or bfloat16 too; GPUs that sum in another order, with 10 bits of a number (TF32), stay below this. An error of 0.5 % is
    /// the fault of a file: the distance would depend on the triangle that is read.
    private static let tolerance = 1e-3

    /// Throws `.data`, naming the array `name`, unless all numbers are finite.
    static func checkFinite(_ values: [Double], _ name: String) throws {
        if let bad = values.firstIndex(where: { !$0.isFinite }) {
            throw Failure(.data, "`\(name)` holds \(values[bad].isNaN ? "NaN" : "infinity") (element \(bad))")
        }
    }

    /// Throws `.data`, naming the array `name`, unless `matrix` [size, size] is finite and symmetric, without a negative
    /// number on its diagonal and with no number that is larger than its diagonal allows: covariances and sums of outer
    /// products are so.
    static func checkGram(_ matrix: [Double], size: Int, _ name: String) throws {
        try checkFinite(matrix, name)
        let diagonal = (0..<size).map { matrix[$0 * size + $0] }
        let rounding = 1e-7 * diagonal.reduce(0) { max($0, abs($1)) }
        if let bad = diagonal.firstIndex(where: { $0 < -rounding }) {
            throw Failure(.data, "`\(name)` is no covariance: its diagonal holds \(diagonal[bad]) (row \(bad))")
        }
        for row in 0..<size {
            for column in 0..<row {
                let (lower, upper) = (matrix[row * size + column], matrix[column * size + row])
                let bound = (max(diagonal[row], 0) * max(diagonal[column], 0)).squareRoot()
                guard abs(lower - upper) <= tolerance * bound + rounding else {
                    throw Failure(
                        .data,
                        "`\(name)` is not symmetric: row \(row), column \(column) is \(lower), but row \(column), column "
                            + "\(row) is \(upper)")
                }
                guard abs(lower) <= (1 + tolerance) * bound + rounding else {
                    throw Failure(
                        .data,
                        "`\(name)` is no covariance: row \(row), column \(column) is \(lower), larger than the diagonal "
                            + "allows")
                }
            }
        }
    }

    /// Throws `.data` if the sums [D] and [D, D] of `count` samples contradict each other.
    static func checkSums(count: Int, sum: [Double], outer: [Double]) throws {
        try checkFinite(sum, "sum")
        try checkGram(outer, size: sum.count, "outer")
        for place in sum.indices {
            let square = sum[place] * sum[place]
            guard square <= Double(count) * outer[place * (sum.count + 1)] * (1 + 1e-9) else {
                throw Failure(.data, "`count`, `sum` and `outer` contradict each other (feature \(place))")
            }
        }
    }
}
