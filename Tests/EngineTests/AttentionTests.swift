import Engine
import Tensors
import Testing

@Suite struct AttentionTests {
    static let cases = [
        attention(height: 4, width: 4, channels: 16, heads: 1),
        attention(height: 3, width: 5, channels: 24, heads: 2),
        // More pixels than one block of queries.
        attention(height: 6, width: 7, channels: 20, heads: 4),
        attention(height: 37, width: 1, channels: 24, heads: 3, isCausal: true),
        // Fewer and more keys than queries, and more than one block of them.
        crossAttention(height: 4, width: 5, keys: 7, channels: 24, heads: 2),
        crossAttention(height: 2, width: 3, keys: 77, channels: 16, heads: 4),
        crossAttention(height: 5, width: 9, keys: 1, channels: 10, heads: 1),
        // Several pieces of keys, ranges of them, and steps of queries.
        attention(height: 13, width: 12, channels: 20, heads: 2),
        crossAttention(height: 2, width: 3, keys: 600, channels: 10, heads: 2),
        crossAttention(height: 2, width: 3, keys: 1100, channels: 8, heads: 1),
        attention(height: 300, width: 1, channels: 12, heads: 2, isCausal: true),
    ]

    @Test(arguments: cases) func value(_ operation: OperationCase) throws { try operation.checkValue() }
    @Test(arguments: cases) func pullback(_ operation: OperationCase) throws { try operation.checkPullback() }
    @Test(arguments: cases) func bits(_ operation: OperationCase) throws { try operation.checkBits() }

    /// The weights of 8 heads over 64x64 pixels take 537 MB.
    @Test(arguments: [false, true]) func weightsAreNeverHeldAsAWhole(withPullback: Bool) throws {
        var graph = Graph()
        let input = graph.input(MapShape(height: 64, width: 64, segments: [320, 320, 320]))
        let output = graph.add(MapShape(height: 64, width: 64, channels: 320)) {
            Attention(input, output: $0, heads: 8)
        }
        let schedule = try MemorySchedule(
            graph, inputs: [input], outputs: [output], differentiable: [input], withPullback: withPullback)
        let plan = Plan(graph, schedule, extent: PlanExtent(batch: 1, slots: 4, withPullback: withPullback))
        #expect(plan.count < 8 * 4096 * 4096 / 6)
    }

    /// A token's result does not change with the tokens behind it.
    @Test func causalAttentionDoesNotSeeWhatComesLater() throws {
        var graph = Graph()
        let input = graph.input(MapShape(height: 9, width: 1, segments: [4, 4, 4]))
        let output = graph.add(MapShape(height: 9, width: 1, channels: 4)) {
            Attention(input, output: $0, heads: 2, isCausal: true)
        }
        let network = CompiledNetwork(
            graph, inputs: [input], outputs: [output], differentiable: [], pool: ThreadPool(threads: 1))
        var x = Tensor<Float>(shape: [1, 12, 9, 1])
        for index in 0..<x.count { x[index] = Float(index % 7) - 3 }
        let before = try network.evaluate([x])[0]
        for channel in 0..<12 { x[channel * 9 + 6] = 100 }
        let after = try network.evaluate([x])[0]
        for channel in 0..<4 {
            #expect((0..<6).allSatisfy { before[channel * 9 + $0] == after[channel * 9 + $0] })
            #expect(before[channel * 9 + 6] != after[channel * 9 + 6])
        }
    }

    static func attention(
        height: Int, width: Int, channels: Int, heads: Int, isCausal: Bool = false
    ) -> OperationCase {
        let size = channels * height * width
        return OperationCase(
            "\(height)x\(width), \(channels) channels, \(heads) heads\(isCausal ? ", causal" : "")",
            [MapShape(height: height, width: width, segments: [channels, channels, channels])],
            tolerances: (2e-6, 5e-6),
            build: { graph, values in
                graph.add(MapShape(height: height, width: width, channels: channels)) {
                    Attention(values[0], output: $0, heads: heads, isCausal: isCausal)
                }
            },
            plain: { inputs in
                let parts = (0..<3).map { Array(inputs[0][$0 * size..<($0 + 1) * size]) }
                return plain(parts[0], parts[1], parts[2], channels: channels, heads: heads, isCausal: isCausal)
            })
    }

    static func crossAttention(
        height: Int, width: Int, keys: Int, channels: Int, heads: Int
    ) -> OperationCase {
        OperationCase(
            "\(height)x\(width) to \(keys) tokens, \(channels) channels, \(heads) heads",
            [
                MapShape(height: height, width: width, channels: channels),
                MapShape(height: keys, width: 1, segments: [channels, channels]),
            ],
            tolerances: (2e-6, 5e-6),
            build: { graph, values in
                graph.add(values[0].shape) {
                    Attention(queries: values[0], context: values[1], output: $0, heads: heads)
                }
            },
            plain: { inputs in
                let half = channels * keys
                return plain(
                    inputs[0], Array(inputs[1][..<half]), Array(inputs[1][half...]), channels: channels, heads: heads,
                    isCausal: false)
            })
    }

    /// Attention of q to k and v, each [channels, pixels].
    private static func plain(
        _ q: [Double], _ k: [Double], _ v: [Double], channels: Int, heads: Int, isCausal: Bool
    ) -> [Double] {
        var result = [Double](repeating: 0, count: q.count)
        let (queries, keys, size) = (q.count / channels, k.count / channels, channels / heads)
        for head in 0..<heads {
            for query in 0..<queries {
                var weights = (0..<keys).map { key in
                    (head * size..<(head + 1) * size).reduce(0.0) {
                        $0 + q[$1 * queries + query] * k[$1 * keys + key]
                    }
                }
                weights = weights.enumerated().map { key, score in
                    isCausal && key > query ? 0 : Double.exp(score / Double(size).squareRoot())
                }
                let sum = weights.reduce(0, +)
                for channel in head * size..<(head + 1) * size {
                    result[channel * queries + query] =
                        (0..<keys).reduce(0) { $0 + weights[$1] * v[channel * keys + $1] } / sum
                }
            }
        }
        return result
    }
}
