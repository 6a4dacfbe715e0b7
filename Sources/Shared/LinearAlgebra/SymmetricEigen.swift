import COpenBLAS
import Diagnostics

/// The eigenvalues of a symmetric matrix, and its eigenvectors on demand (LAPACK's dsyevd, divide and conquer).
package struct SymmetricEigen: Sendable {
    /// Ascending, [D].
    package let values: [Double]
    /// [D, D], with the eigenvector of `values[i]` in row i; empty if only the values are wanted.
    package let vectors: [Double]

    /// - Parameters:
    ///   - matrix: [dimension, dimension]; its upper triangle is not read.
    ///   - wanted: whether the eigenvectors are computed.
    /// - Throws: a `Failure` with status `.internal` if LAPACK does not converge, which finite input does not bring
    ///   about.
    package init(_ matrix: [Double], dimension: Int, vectors wanted: Bool) throws {
        precondition(matrix.count == dimension * dimension)
        guard dimension > 0 else {
            (values, vectors) = ([], [])
            return
        }
        guard let order = Int32(exactly: dimension) else { throw Failure(.data, "a matrix of \(dimension) rows") }
        OpenBLAS.useOneThread()
        // LAPACK's matrices are column-major: its upper triangle is our lower one, and its columns are our rows.
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
