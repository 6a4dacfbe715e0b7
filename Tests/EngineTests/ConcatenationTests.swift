import Engine
import Testing

@Suite struct ConcatenationTests {
    static let cases = [
        concatenation(
            "two maps", [MapShape(height: 3, width: 4, channels: 5), .init(height: 3, width: 4, channels: 16)]),
        concatenation("a map of segments", [MapShape(height: 2, width: 5, segments: [3, 20])]),
        concatenation(
            "segments and a map",
            [MapShape(height: 2, width: 2, segments: [17, 2]), MapShape(height: 2, width: 2, channels: 30)]),
    ]

    @Test(arguments: cases) func value(_ operation: OperationCase) throws { try operation.checkValue() }
    @Test(arguments: cases) func pullback(_ operation: OperationCase) throws { try operation.checkPullback() }
    @Test(arguments: cases) func bits(_ operation: OperationCase) throws { try operation.checkBits() }

    private static func concatenation(_ description: String, _ shapes: [MapShape]) -> OperationCase {
        OperationCase(
            description, shapes,
            build: { graph, values in
                let sources = Sources(values)
                return graph.add(Concatenation.outputShape(sources)) { Concatenation(sources, output: $0) }
            },
            plain: { inputs in inputs.flatMap { $0 } })
    }
}
