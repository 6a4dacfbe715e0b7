import Engine
import Foundation
import Tensors
import TestSupport
import Testing

/// x P(normal number < x)
func plainGaussianUnit(_ x: Double) -> Double { x * (1 + erf(x / 2.0.squareRoot())) / 2 }

@Suite struct GaussianUnitTests {
    static let cases = [
        unit("exact", .exact, plainGaussianUnit),
        unit("logistic", .logistic) { $0 / (1 + exp(-Double(Float(1.702)) * $0)) },
    ]

    @Test(arguments: cases) func value(_ operation: OperationCase) throws { try operation.checkValue() }
    @Test(arguments: cases) func pullback(_ operation: OperationCase) throws { try operation.checkPullback() }
    @Test(arguments: cases) func bits(_ operation: OperationCase) throws { try operation.checkBits() }

    /// Both polynomials of the error function, the place where they meet, and numbers far outside.
    @Test func allNumbers() throws {
        var graph = Graph()
        let input = graph.input(MapShape(features: 4001))
        let output = graph.add(input.shape) { GaussianUnit(input, output: $0, form: .exact) }
        let network = CompiledNetwork(
            graph, inputs: [input], outputs: [output], differentiable: [], pool: ThreadPool(threads: 1))
        let numbers = (-2000...2000).map { Float($0) / 200 }
        let values = try network.evaluate([Tensor(shape: [1, 4001], elements: numbers)])[0].elements
        for (x, y) in zip(numbers, values) {
            let error = abs(Double(y) - plainGaussianUnit(Double(x)))
            #expect(error < 1.5e-7 * max(1, abs(Double(x))), "\(x): \(error)")
        }
    }

    private static func unit(
        _ name: String, _ form: GaussianUnit.Form, _ plain: @escaping @Sendable (Double) -> Double
    ) -> OperationCase {
        OperationCase(
            name, [MapShape(height: 3, width: 4, channels: 20)],
            build: { graph, values in
                graph.add(values[0].shape) { GaussianUnit(values[0], output: $0, form: form) }
            },
            plain: { $0[0].map(plain) })
    }
}

@Suite struct GatedGaussianUnitTests {
    static let cases = [gated(height: 3, width: 4, channels: 20), gated(height: 5, width: 1, channels: 16)]

    @Test(arguments: cases) func value(_ operation: OperationCase) throws { try operation.checkValue() }
    @Test(arguments: cases) func pullback(_ operation: OperationCase) throws { try operation.checkPullback() }
    @Test(arguments: cases) func bits(_ operation: OperationCase) throws { try operation.checkBits() }

    private static func gated(height: Int, width: Int, channels: Int) -> OperationCase {
        let half = channels * height * width
        return OperationCase(
            "\(height)x\(width), \(channels) channels",
            [MapShape(height: height, width: width, segments: [channels, channels])],
            build: { graph, values in
                graph.add(MapShape(height: height, width: width, channels: channels)) {
                    GatedGaussianUnit(values[0], output: $0)
                }
            },
            plain: { inputs in (0..<half).map { inputs[0][$0] * plainGaussianUnit(inputs[0][half + $0]) } })
    }
}
