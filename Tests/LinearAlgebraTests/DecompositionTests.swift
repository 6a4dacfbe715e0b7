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

    @Test func eigenvectorsDiagonalize() throws {
        let eigen = try SymmetricEigen(matrix, dimension: 3, vectors: true)
        #expect(eigen.values == eigen.values.sorted())
        for index in 0..<3 {
            let vector = Array(eigen.vectors[index * 3..<index * 3 + 3])
            #expect(abs(dot(vector, vector) - 1) < 1e-13)
            for row in 0..<3 {
                let product = dot(Array(matrix[row * 3..<row * 3 + 3]), vector)
                #expect(abs(product - eigen.values[index] * vector[row]) < 1e-13)
            }
        }
        #expect(try SymmetricEigen(matrix, dimension: 3, vectors: false).vectors.isEmpty)
    }

    @Test func singularValuesOfARectangularMatrix() throws {
        let values = try singularValues([3, 0, 0, 0, -2, 0], rows: 2, columns: 3)
        #expect(zip(values, [3, 2]).allSatisfy { abs($0 - $1) < 1e-14 } && values.count == 2)
    }

    @Test func productsOfMatrices() {
        let left: [Double] = [1, 2, 3, 4, 5, 6]
        #expect(matrixProduct(left, [1, 0, 0, 1, 1, 1], rows: 2, inner: 3, columns: 2) == [4, 5, 10, 11])
        #expect(
            matrixProduct(left, left, rows: 2, inner: 3, columns: 2, rightTransposed: true) == [14, 32, 32, 77])
        var gram = [Double](repeating: 0, count: 9)
        addGram(of: left, columns: 3, toLowerTriangleOf: &gram)
        #expect(gram == [17, 0, 0, 22, 29, 0, 27, 36, 45])
    }
}
