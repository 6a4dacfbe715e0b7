import LinearAlgebra
import Tensors
import Testing

@Suite struct DecompositionTests {
    /// A symmetric positive definite matrix.
    private let matrix: [Double] = [3, 1, 1, 1, 5, 0, 1, 0, 2]
    private let determinant: Double = 23

    @Test func logAbsoluteDeterminantIsThatOfCofactors() {
        #expect(abs(logAbsoluteDeterminant(matrix, size: 3) - Double.log(determinant)) < 1e-14)
        let swapped: [Double] = [1, 5, 0, 3, 1, 1, 1, 0, 2]
        #expect(abs(logAbsoluteDeterminant(swapped, size: 3) - Double.log(determinant)) < 1e-14)
        #expect(logAbsoluteDeterminant([1, 2, 2, 4], size: 2) == -.infinity)
    }

    @Test func positiveDefiniteSystemsAreSolved() throws {
        let x = try #require(solvePositiveDefinite(matrix, [1, 2, 3]))
        for row in 0..<3 {
            let product = dot(Array(matrix[row * 3..<row * 3 + 3]), x)
            #expect(abs(product - Double(row + 1)) < 1e-13)
        }
    }

    @Test func indefiniteSystemsHaveNoSolution() {
        #expect(solvePositiveDefinite([1, 2, 2, 1], [1, 1]) == nil)
        #expect(solvePositiveDefinite([0], [1]) == nil)
    }
}
