import LinearAlgebra

/// The second derivatives of a loss as far as they are known: a Gauss-Newton matrix, corrected by the gradients at
/// later iterates.
///
/// Each step s over which the gradient changes by y corrects the matrix B by BFGS' formula,
/// B + y y' / (y's) - B s s' B / (s'B s), which keeps it positive definite and makes B s = y. That also brings in the
/// residuals' own curvature, which Gauss-Newton leaves out, at no further evaluation.
package struct Curvature {
    /// Row-major, [n, n].
    package private(set) var matrix: [Double]
    /// The steps since the matrix was computed.
    package private(set) var age = 0
    private var parameters: [Double]
    private var gradient: [Double]

    package init(matrix: [Double], at parameters: [Double], gradient: [Double]) {
        precondition(matrix.count == parameters.count * parameters.count && gradient.count == parameters.count)
        self.matrix = matrix
        self.parameters = parameters
        self.gradient = gradient
    }

    /// Takes the gradient at the next iterate into account. A step along which the loss bends less than a tenth of what
    /// the matrix expects, or downwards, teaches nothing.
    package mutating func advance(to parameters: [Double], gradient: [Double]) {
        let step = zip(parameters, self.parameters).map { $0 - $1 }
        let change = zip(gradient, self.gradient).map { $0 - $1 }
        self.parameters = parameters
        self.gradient = gradient
        age += 1
        let image = step.indices.map { row in
            step.indices.reduce(0) { $0 + matrix[row * step.count + $1] * step[$1] }
        }
        let (expected, seen) = (dot(step, image), dot(step, change))
        guard expected > 0, seen > 0.1 * expected else { return }
        for row in step.indices {
            for column in step.indices {
                matrix[row * step.count + column] +=
                    change[row] * change[column] / seen - image[row] * image[column] / expected
            }
        }
    }
}
