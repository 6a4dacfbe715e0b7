/// RMSprop with momentum in PyTorch's semantics: not centred, no bias correction, the learning rate outside the
/// momentum buffer, epsilon added after the square root (M5.5).
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

    /// The averages start anew.
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

/// Plain gradient descent.
package struct SGD: Sendable, Equatable {
    package var learningRate: Double

    package init(learningRate: Double) { self.learningRate = learningRate }

    package func step(_ parameters: inout [Double], gradient: [Double]) {
        for index in parameters.indices { parameters[index] -= learningRate * gradient[index] }
    }
}

/// The gradient scaled down to Euclidean norm `limit` where it is longer, as clip_grad_norm_ does (M5.5).
package func clipped(_ gradient: [Double], to limit: Double) -> [Double] {
    let norm = gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()
    let scale = min(1, limit / (norm + 1e-6))
    return gradient.map { $0 * scale }
}

/// The reference rounds derived hyper-parameters to 8 decimals (M5.4, M5.5).
func roundedToEightDecimals(_ value: Double) -> Double { (value * 1e8).rounded() / 1e8 }
