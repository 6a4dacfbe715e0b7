/// Returns the solution x of a x = b for a symmetric positive definite matrix a, row-major [n, n], by Cholesky's
/// decomposition; nil if a is not positive definite.
package func solvePositiveDefinite(_ a: [Double], _ b: [Double]) -> [Double]? {
    let n = b.count
    precondition(a.count == n * n)
    var lower = a
    for column in 0..<n {
        for row in column..<n {
            var sum = lower[row * n + column]
            for k in 0..<column { sum -= lower[row * n + k] * lower[column * n + k] }
            if row == column {
                guard sum > 0, sum.isFinite else { return nil }
                lower[row * n + row] = sum.squareRoot()
            } else {
                lower[row * n + column] = sum / lower[column * n + column]
            }
        }
    }
    var x = b
    for row in 0..<n {
        for k in 0..<row { x[row] -= lower[row * n + k] * x[k] }
        x[row] /= lower[row * n + row]
    }
    for row in (0..<n).reversed() {
        for k in stride(from: row + 1, to: n, by: 1) { x[row] -= lower[k * n + row] * x[k] }
        x[row] /= lower[row * n + row]
    }
    return x
}

/// Returns the inner product, accumulated in the order of the elements.
package func dot(_ left: [Double], _ right: [Double]) -> Double {
    var sum = 0.0
    for index in left.indices { sum += left[index] * right[index] }
    return sum
}
