import Engine
import Tensors
import TestSupport
import Testing

@Suite struct LayerNormTests {
    static let cases = [
        layerNorm(height: 3, width: 5, channels: 16), layerNorm(height: 7, width: 1, channels: 40),
        layerNorm(height: 2, width: 2, channels: 5),
    ]

    @Test(arguments: cases) func value(_ operation: OperationCase) throws { try operation.checkValue() }
    @Test(arguments: cases) func pullback(_ operation: OperationCase) throws { try operation.checkPullback() }
    @Test(arguments: cases) func bits(_ operation: OperationCase) throws { try operation.checkBits() }

    /// The mean of a pixel may be far larger than its deviation.
    @Test func aLargeMeanCostsNoDigits() throws {
        var graph = Graph()
        let input = graph.input(MapShape(features: 48))
        let output = graph.add(input.shape) {
            LayerNorm(
                input, output: $0,
                gamma: Parameter(name: "gamma", shape: [48], elements: .init(repeating: 1, count: 48)),
                beta: Parameter(name: "beta", shape: [48], elements: .init(repeating: 0, count: 48)))
        }
        let network = CompiledNetwork(
            graph, inputs: [input], outputs: [output], differentiable: [], pool: ThreadPool(threads: 1))
        let numbers = testNumbers(48, seed: 3)
        // Sums with 512 lose no bits of multiples of 2^-12.
        let rounded = numbers.map { ($0 * 4096).rounded() / 4096 }
        let near = try network.evaluate([Tensor(shape: [1, 48], elements: rounded)])[0]
        let far = try network.evaluate([Tensor(shape: [1, 48], elements: rounded.map { $0 + 512 })])[0]
        #expect(relativeError(far.elements, near.elements) < 1e-4)
    }

    private static func layerNorm(height: Int, width: Int, channels: Int) -> OperationCase {
        let gamma = testParameter("gamma", [channels], seed: 11)
        let beta = testParameter("beta", [channels], seed: 12)
        let (g, b) = (doubles(testNumbers(channels, seed: 11)), doubles(testNumbers(channels, seed: 12)))
        let pixels = height * width
        return OperationCase(
            "\(height)x\(width), \(channels) channels",
            [MapShape(height: height, width: width, channels: channels)], tolerances: (2e-6, 1e-5),
            build: { graph, values in
                graph.add(values[0].shape) {
                    LayerNorm(values[0], output: $0, gamma: gamma, beta: beta, epsilon: 1e-3)
                }
            },
            plain: { inputs in
                var result = inputs[0]
                for pixel in 0..<pixels {
                    let x = (0..<channels).map { inputs[0][$0 * pixels + pixel] }
                    let mean = x.reduce(0, +) / Double(channels)
                    let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(channels)
                    for channel in 0..<channels {
                        result[channel * pixels + pixel] =
                            g[channel] * (x[channel] - mean) / (variance + Double(Float(1e-3))).squareRoot()
                            + b[channel]
                    }
                }
                return result
            })
    }
}
