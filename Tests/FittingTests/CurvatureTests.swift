import Fitting
import FittingTestSupport
import LinearAlgebra
import Testing

@Suite struct CurvatureTests {
    /// The matrix of a quadratic loss x'Ax / 2 in three variables.
    private let hessian = [4, 1, 0.5, 1, 3, -0.2, 0.5, -0.2, 2]

    private func gradient(_ x: [Double]) -> [Double] { product(hessian, x) }

    private func product(_ matrix: [Double], _ x: [Double]) -> [Double] {
        (0..<3).map { row in (0..<3).reduce(0) { $0 + matrix[row * 3 + $1] * x[$1] } }
    }

    /// The secant condition B s = y holds; the matrix stays symmetric and positive definite.
    @Test func aStepTeachesItsOwnDirection() throws {
        let (start, end) = ([0.3, -0.5, 1.1], [0.1, 0.2, 0.9])
        let rough = [5, 0, 0, 0, 5, 0, 0, 0, 5].map(Double.init)
        var curvature = Curvature(matrix: rough, at: start, gradient: gradient(start))
        curvature.advance(to: end, gradient: gradient(end))
        let step = zip(end, start).map { $0 - $1 }
        let change = zip(gradient(end), gradient(start)).map { $0 - $1 }
        for (seen, wanted) in zip(product(curvature.matrix, step), change) { #expect(abs(seen - wanted) < 1e-12) }
        for row in 0..<3 {
            for column in 0..<row {
                #expect(abs(curvature.matrix[row * 3 + column] - curvature.matrix[column * 3 + row]) < 1e-12)
            }
        }
        #expect(solvePositiveDefinite(curvature.matrix, change) != nil)
        #expect(curvature.age == 1)
    }

    /// Newton's method with the corrected matrix ends at the minimum of a quadratic loss.
    @Test func stepsAlongTheMatrixReachTheMinimum() throws {
        var x = [1.0, -2, 0.5]
        var curvature = Curvature(matrix: [6, 0, 0, 0, 6, 0, 0, 0, 6], at: x, gradient: gradient(x))
        for _ in 0..<20 {
            let step = try #require(solvePositiveDefinite(curvature.matrix, gradient(x)))
            x = zip(x, step).map { $0 - $1 }
            curvature.advance(to: x, gradient: gradient(x))
        }
        #expect(x.allSatisfy { abs($0) < 1e-8 })
    }

    /// A step that bends a twentieth of what was expected would make the matrix nearly singular.
    @Test func straightStepsAreLeftOut() {
        let matrix = [2.0, 0, 0, 2]
        var curvature = Curvature(matrix: matrix, at: [0, 0], gradient: [1, 1])
        curvature.advance(to: [1, 0], gradient: [1.1, 1])
        #expect(curvature.matrix == matrix)
        curvature.advance(to: [2, 0], gradient: [1.4, 1])
        #expect(abs(curvature.matrix[0] - 0.3) < 1e-12 && curvature.age == 2)
    }

    /// If the gradient falls along the step, the loss is not convex, and the matrix stays.
    @Test func concaveStepsAreLeftOut() {
        let matrix = [2.0, 0, 0, 2]
        var curvature = Curvature(matrix: matrix, at: [0, 0], gradient: [1, 1])
        curvature.advance(to: [1, 0], gradient: [-1, 1])
        #expect(curvature.matrix == matrix && curvature.age == 1)
    }
}
