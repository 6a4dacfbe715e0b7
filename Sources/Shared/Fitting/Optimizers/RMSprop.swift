/// RMSprop with momentum in PyTorch's semantics: not centred, no bias correction, the learning rate outside the
/// momentum buffer, epsilon added after the square root (paper, App. D.1).
package struct RMSprop: Sendable, Equatable {
    package var learningRate: Double
    package var smoothing = 0.99
    package var epsilon = 1e-8
    package var momentum = 0.9
    package private(set) var squareAverage: [Double]
    package private(set) var momentumBuffer: [Double]

    package init(learningRate: Double, momentum: Double = 0.9, count: Int) {
        self.learningRate = learningRate
        self.momentum = momentum
        squareAverage = [Double](repeating: 0, count: count)
        momentumBuffer = squareAverage
    }

    /// Starts the averages anew.
    package mutating func forget() {
        squareAverage = squareAverage.map { _ in 0 }
        momentumBuffer = squareAverage
    }

    package mutating func step(_ parameters: inout [Double], gradient: [Double]) {
        for index in parameters.indices {
            let slope = gradient[index]
            squareAverage[index] = smoothing * squareAverage[index] + (1 - smoothing) * slope * slope
            let scaled = slope / (squareAverage[index].squareRoot() + epsilon)
            momentumBuffer[index] = momentum * momentumBuffer[index] + scaled
            parameters[index] -= learningRate * momentumBuffer[index]
        }
    }
}
