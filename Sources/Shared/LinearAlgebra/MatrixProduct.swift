import COpenBLAS

// Products of row-major Double matrices for statistics. The network engine has its own products.

/// Returns left [rows, inner] times right [inner, columns], or times the transpose of right [columns, inner].
package func matrixProduct(
    _ left: [Double], _ right: [Double], rows: Int, inner: Int, columns: Int, rightTransposed: Bool = false
) -> [Double] {
    precondition(left.count == rows * inner && right.count == inner * columns)
    var result = [Double](repeating: 0, count: rows * columns)
    guard !result.isEmpty, inner > 0 else { return result }
    OpenBLAS.useOneThread()
    cblas_dgemm(
        CblasRowMajor, CblasNoTrans, rightTransposed ? CblasTrans : CblasNoTrans, Int32(rows), Int32(columns),
        Int32(inner), 1, left, Int32(inner), right, Int32(rightTransposed ? inner : columns), 0, &result,
        Int32(columns))
    return result
}

/// Adds rows^T rows to the lower triangle of `target` [columns, columns], for `rows` [any, columns].
package func addGram(of rows: [Double], columns: Int, toLowerTriangleOf target: inout [Double]) {
    precondition(columns > 0 && rows.count.isMultiple(of: columns) && target.count == columns * columns)
    let height = rows.count / columns
    guard height > 0 else { return }
    let size = Int32(columns)
    OpenBLAS.useOneThread()
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, size, Int32(height), 1, rows, size, 1, &target, size)
}
