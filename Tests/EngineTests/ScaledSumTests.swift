import Engine
import Testing

@Suite struct ScaledSumTests {
    static let cases = [
        OperationCase(
            "two maps", [shape, shape],
            build: { graph, values in
                graph.add(shape) { ScaledSum(values[0], values[1], output: $0, scale: 0.7) }
            },
            plain: { inputs in zip(inputs[0], inputs[1]).map { 0.7 * ($0 + $1) } }),
        OperationCase(
            "a map and itself", [shape],
            build: { graph, values in
                graph.add(shape) { ScaledSum(values[0], values[0], output: $0, scale: 0.7) }
            },
            plain: { inputs in inputs[0].map { 1.4 * $0 } }),
    ]
    private static let shape = MapShape(height: 4, width: 3, channels: 21)

    @Test(arguments: cases) func value(_ operation: OperationCase) throws { try operation.checkValue() }
    @Test(arguments: cases) func pullback(_ operation: OperationCase) throws { try operation.checkPullback() }
    @Test(arguments: cases) func bits(_ operation: OperationCase) throws { try operation.checkBits() }
}
