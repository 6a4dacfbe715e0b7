/// Adam in PyTorch's semantics: averages corrected for their start at zero, epsilon added after the square root.
package struct Adam: Sendable, Equatable {
    package var learningRate: Double
    package var averageDecay = 0.9
    package var squareDecay = 0.999
    package var epsilon = 1e-8
    private var average: [Double]
    private var squareAverage: [Double]
    /// The decays to the power of the steps so far.
    private var averageRest = 1.0
    private var squareRest = 1.0

    package init(learningRate: Double, count: Int) {
        self.learningRate = learningRate
        average = [Double](repeating: 0, count: count)
        squareAverage = average
    }

    package mutating func step(_ parameters: inout [Double], gradient: [Double]) {
        averageRest *= averageDecay
        squareRest *= squareDecay
        for index in parameters.indices {
            let slope = gradient[index]
            average[index] += (1 - averageDecay) * (slope - average[index])
            squareAverage[index] += (1 - squareDecay) * (slope * slope - squareAverage[index])
            let scale = (squareAverage[index] / (1 - squareRest)).squareRoot() + epsilon
            parameters[index] -= learningRate * average[index] / (1 - averageRest) / scale
        }
    }
}
