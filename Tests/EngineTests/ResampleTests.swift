import Engine
import Tensors
import Testing

@Suite struct ResampleTests {
    static let cases = [
        resample(.larger, height: 3, width: 5, channels: 18, filter: [1, 1]),
        resample(.smaller, height: 6, width: 4, channels: 18, filter: [1, 1]),
        resample(.larger, height: 4, width: 3, channels: 5, filter: [1, 3, 3, 1]),
        resample(.smaller, height: 8, width: 6, channels: 5, filter: [1, 3, 3, 1]),
        resample(.smaller, height: 7, width: 5, channels: 16, filter: [1, 2, 1], padding: 1),
        resample(.larger, height: 5, width: 4, channels: 16, filter: [1, 2, 1], padding: 1),
        resample(.larger, height: 3, width: 3, channels: 4, filter: [1, 3, 3, 1], padding: 2),
    ]

    @Test(arguments: cases) func value(_ operation: OperationCase) throws { try operation.checkValue() }
    @Test(arguments: cases) func pullback(_ operation: OperationCase) throws { try operation.checkPullback() }
    @Test(arguments: cases) func bits(_ operation: OperationCase) throws { try operation.checkBits() }

    private static func resample(
        _ direction: Resample.Direction, height: Int, width: Int, channels: Int, filter: [Double], padding: Int? = nil
    ) -> OperationCase {
        let input = MapShape(height: height, width: width, channels: channels)
        let output = Resample.outputShape(input, direction, filter: filter, padding: padding)
        return OperationCase(
            "\(direction), \(height)x\(width), \(channels) channels, filter \(filter)", [input],
            build: { graph, values in
                graph.add(output) { Resample(values[0], output: $0, direction, filter: filter, padding: padding) }
            },
            plain: { inputs in
                let gain = filter.reduce(0, +)
                let weights = filter.map { direction == .larger ? 2 * $0 / gain : $0 / gain }
                let p = padding ?? (filter.count - 1) / 2
                var result = [Double](repeating: 0, count: channels * output.pixels)
                /// Every input place i and output place o along one axis that a tap joins.
                func forEachTap(_ size: Int, _ outputSize: Int, _ body: (_ i: Int, _ o: Int, _ weight: Double) -> Void)
                {
                    for (tap, weight) in weights.enumerated() {
                        if direction == .larger {
                            for i in 0..<size where (0..<outputSize).contains(2 * i + tap - p) {
                                body(i, 2 * i + tap - p, weight)
                            }
                        } else {
                            for o in 0..<outputSize where (0..<size).contains(2 * o + tap - p) {
                                body(2 * o + tap - p, o, weight)
                            }
                        }
                    }
                }
                for channel in 0..<channels {
                    forEachTap(height, output.height) { i, y, rowWeight in
                        forEachTap(width, output.width) { j, x, weight in
                            result[(channel * output.height + y) * output.width + x] +=
                                rowWeight * weight * inputs[0][(channel * height + i) * width + j]
                        }
                    }
                }
                return result
            })
    }
}
