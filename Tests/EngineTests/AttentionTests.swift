import Engine
import Tensors
import Testing

@Suite struct AttentionTests {
    static let cases = [
        attention(height: 4, width: 4, channels: 16, heads: 1),
        attention(height: 3, width: 5, channels: 24, heads: 2),
        // More pixels than one block of queries.
        attention(height: 6, width: 7, channels: 20, heads: 4),
    ]

    @Test(arguments: cases) func value(_ operation: OperationCase) throws { try operation.checkValue() }
    @Test(arguments: cases) func pullback(_ operation: OperationCase) throws { try operation.checkPullback() }
    @Test(arguments: cases) func bits(_ operation: OperationCase) throws { try operation.checkBits() }

    private static func attention(height: Int, width: Int, channels: Int, heads: Int) -> OperationCase {
        OperationCase(
            "\(height)x\(width), \(channels) channels, \(heads) heads",
            [MapShape(height: height, width: width, segments: [channels, channels, channels])],
            tolerances: (2e-6, 5e-6),
            build: { graph, values in
                graph.add(MapShape(height: height, width: width, channels: channels)) {
                    Attention(values[0], output: $0, heads: heads)
                }
            },
            plain: { plain($0[0], pixels: height * width, channels: channels, heads: heads) })
    }

    private static func plain(_ qkv: [Double], pixels: Int, channels: Int, heads: Int) -> [Double] {
        var result = [Double](repeating: 0, count: channels * pixels)
        let size = channels / heads
        for head in 0..<heads {
            for query in 0..<pixels {
                var weights = (0..<pixels).map { key in
                    (head * size..<(head + 1) * size).reduce(0.0) {
                        $0 + qkv[$1 * pixels + query] * qkv[(channels + $1) * pixels + key]
                    }
                }
                weights = weights.map { Double.exp($0 / Double(size).squareRoot()) }
                let sum = weights.reduce(0, +)
                for channel in head * size..<(head + 1) * size {
                    result[channel * pixels + query] =
                        (0..<pixels).reduce(0) { $0 + weights[$1] * qkv[(2 * channels + channel) * pixels + $1] } / sum
                }
            }
        }
        return result
    }
}
