import COpenBLAS
import Diagnostics

/// Eigenvalues, and eigenvectors where wanted, of a symmetric matrix (LAPACK's dsyevd, divide and conquer).
package struct SymmetricEigen: Sendable {
    /// Ascending, [D].
    package let values: [Double]
    /// [D, D], the vector of `values[i]` in row i; empty where only the values were asked for.
    package let vectors: [Double]

    /// `matrix` is [dimension, dimension]; its upper triangle is not read. Status 70 where LAPACK does not converge,
    /// which finite input does not bring about.
    package init(_ matrix: [Double], dimension: Int, vectors wanted: Bool) throws {
        precondition(matrix.count == dimension * dimension)
        guard dimension > 0 else {
            (values, vectors) = ([], [])
            return
        }
        guard let order = Int32(exactly: dimension) else { throw Failure(.data, "a matrix of \(dimension) rows") }
        // Column-major "upper" is row-major lower, and the columns of eigenvectors become our rows.
        var (matrix, values) = (matrix, [Double](repeating: 0, count: dimension))
        var sizes: (work: Double, integers: Int32) = (0, 0)
        var status = Self.solve(wanted, order, &matrix, &values, &sizes.work, -1, &sizes.integers, -1)
        if status == 0 {
            let (length, integerLength) = (Int32(sizes.work), sizes.integers)
            var work = [Double](repeating: 0, count: Int(length))
            var integers = [Int32](repeating: 0, count: Int(integerLength))
            status = Self.solve(wanted, order, &matrix, &values, &work, length, &integers, integerLength)
        }
        guard status == 0 else {
            throw Failure(.internal, "the eigenvalues did not converge (dsyevd status \(status))")
        }
        (self.values, vectors) = (values, wanted ? matrix : [])
    }

    private static func solve(
        _ vectors: Bool, _ order: Int32, _ matrix: inout [Double], _ values: inout [Double],
        _ work: UnsafeMutablePointer<Double>, _ workLength: Int32, _ integers: UnsafeMutablePointer<Int32>,
        _ integerLength: Int32
    ) -> Int32 {
        var (order, workLength, integerLength, status) = (order, workLength, integerLength, Int32(0))
        dsyevd_(
            vectors ? "V" : "N", "U", &order, &matrix, &order, &values, work, &workLength, integers, &integerLength,
            &status)
        return status
    }
}

/// The singular values of a matrix [rows, columns], descending (LAPACK's dgesdd). Status 70 where it does not
/// converge.
package func singularValues(_ matrix: [Double], rows: Int, columns: Int) throws -> [Double] {
    precondition(matrix.count == rows * columns)
    guard rows > 0, columns > 0 else { return [] }
    // Column-major LAPACK sees the transpose, whose singular values are the same.
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
