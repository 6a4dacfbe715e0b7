/// Plain gradient descent.
package struct SGD: Sendable, Equatable {
    package var learningRate: Double

    package init(learningRate: Double) { self.learningRate = learningRate }

    package func step(_ parameters: inout [Double], gradient: [Double]) {
        for index in parameters.indices { parameters[index] -= learningRate * gradient[index] }
    }
}

/// Returns the gradient, scaled down to Euclidean norm `limit` if it is longer, as PyTorch's clip_grad_norm_ does.
package func clipped(_ gradient: [Double], to limit: Double) -> [Double] {
    let norm = gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()
    let scale = min(1, limit / (norm + 1e-6))
    return gradient.map { $0 * scale }
}
