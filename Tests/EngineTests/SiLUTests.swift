import Engine
import Tensors
import Testing

@Suite struct SiLUTests {
    static let cases = [silu(MapShape(height: 3, width: 5, channels: 18)), silu(MapShape(features: 40))]

    @Test(arguments: cases) func value(_ operation: OperationCase) throws { try operation.checkValue() }
    @Test(arguments: cases) func pullback(_ operation: OperationCase) throws { try operation.checkPullback() }
    @Test(arguments: cases) func bits(_ operation: OperationCase) throws { try operation.checkBits() }

    /// Beyond the exponential's range the value is 0 or x, and the slope 0 or 1.
    @Test func largeNumbers() throws {
        var graph = Graph()
        let input = graph.input(MapShape(features: 4))
        let output = graph.add(input.shape) { SiLU(input, output: $0) }
        let network = CompiledNetwork(
            graph, inputs: [input], outputs: [output], differentiable: [input], pool: ThreadPool(threads: 1))
        let x = Tensor<Float>(shape: [1, 4], elements: [-200, 200, -90, 0])
        let (values, pullback) = try network.linearize([x])
        #expect(zip(values[0].elements, [0, 200, 0, 0]).allSatisfy { abs($0 - $1) < 1e-30 })
        let slopes = try pullback([Tensor<Float>(shape: [1, 4], repeating: 1)])[0].elements
        #expect(zip(slopes, [0, 1, 0, 0.5]).allSatisfy { abs($0 - $1) < 1e-30 })
    }

    private static func silu(_ shape: MapShape) -> OperationCase {
        OperationCase(
            "\(shape.height)x\(shape.width), \(shape.channels) channels", [shape],
            build: { graph, values in graph.add(shape) { SiLU(values[0], output: $0) } },
            plain: { $0[0].map(plainSiLU) })
    }
}
