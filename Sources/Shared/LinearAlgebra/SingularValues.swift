import COpenBLAS
import Diagnostics

/// Returns the singular values of a matrix [rows, columns], descending (LAPACK's dgesdd).
///
/// Throws a `Failure` with status `.internal` if LAPACK does not converge.
package func singularValues(_ matrix: [Double], rows: Int, columns: Int) throws -> [Double] {
    precondition(matrix.count == rows * columns)
    guard rows > 0, columns > 0 else { return [] }
    OpenBLAS.useOneThread()
    // LAPACK's matrices are column-major: it sees the transpose, which has the same singular values.
    var (matrix, values) = (matrix, [Double](repeating: 0, count: min(rows, columns)))
    var integers = [Int32](repeating: 0, count: 8 * min(rows, columns))
    func solve(_ work: UnsafeMutablePointer<Double>, _ length: Int32) -> Int32 {
        var (height, width, one, length, status) = (Int32(columns), Int32(rows), Int32(1), length, Int32(0))
        dgesdd_(
            "N", &height, &width, &matrix, &height, &values, nil, &one, nil, &one, work, &length, &integers, &status)
        return status
    }
    var size = 0.0
    var status = solve(&size, -1)
    if status == 0 {
        var work = [Double](repeating: 0, count: Int(size))
        status = solve(&work, Int32(size))
    }
    guard status == 0 else {
        throw Failure(.internal, "the singular values did not converge (dgesdd status \(status))")
    }
    return values
}
