import Tensors

/// Returns log |det a| of a row-major [n, n] matrix, by elimination with partial pivoting; -infinity if a is singular.
package func logAbsoluteDeterminant(_ a: [Double], size n: Int) -> Double {
    precondition(a.count == n * n)
    var (rows, sum) = (a, 0.0)
    rows.withUnsafeMutableBufferPointer { rows in
        for column in 0..<n {
            var pivot = column
            for row in column..<n where abs(rows[row * n + column]) > abs(rows[pivot * n + column]) { pivot = row }
            let head = rows[pivot * n + column]
            sum += Double.log(abs(head))
            guard head != 0 else { return }
            for k in column..<n where pivot != column { rows.swapAt(pivot * n + k, column * n + k) }
            for row in column + 1..<n {
                let factor = rows[row * n + column] / head
                for k in column..<n { rows[row * n + k] -= factor * rows[column * n + k] }
            }
        }
    }
    return sum
}
