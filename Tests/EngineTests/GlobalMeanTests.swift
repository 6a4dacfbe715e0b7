import Engine
import Testing

@Suite struct GlobalMeanTests {
    static let cases = [(4, 5, 17), (7, 9, 16), (1, 1, 3)].map { height, width, channels in
        let shape = MapShape(height: height, width: width, channels: channels)
        return OperationCase(
            "\(height)x\(width), \(channels) channels", [shape],
            build: { graph, values in
                graph.add(GlobalMean.outputShape(shape)) { GlobalMean(values[0], output: $0) }
            },
            plain: { inputs in
                (0..<channels).map { channel in
                    inputs[0][channel * shape.pixels..<(channel + 1) * shape.pixels].reduce(0, +) / Double(shape.pixels)
                }
            })
    }

    @Test(arguments: cases) func value(_ operation: OperationCase) throws { try operation.checkValue() }
    @Test(arguments: cases) func pullback(_ operation: OperationCase) throws { try operation.checkPullback() }
    @Test(arguments: cases) func bits(_ operation: OperationCase) throws { try operation.checkBits() }
}
