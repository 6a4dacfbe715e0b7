import Engine
import Tensors
import TestSupport
import Testing

@Suite struct GroupNormTests {
    static let cases = [
        groupNorm(height: 4, width: 4, channels: [20], groups: 4, silu: false),
        // More than 32 pixels, so that there are sums of sums.
        groupNorm(height: 7, width: 9, channels: [16], groups: 8),
        groupNorm(height: 5, width: 3, channels: [12, 20], groups: 8),
        groupNorm(height: 4, width: 6, channels: [18], groups: 3, halves: true),
        groupNorm(height: 3, width: 5, channels: [20], groups: 5, isAdaptive: true),
        groupNorm(height: 6, width: 4, channels: [8, 12], groups: 2, halves: true, isAdaptive: true),
        groupNorm(height: 1, width: 1, channels: [24], groups: 6, silu: false),
    ]

    @Test(arguments: cases) func value(_ operation: OperationCase) throws { try operation.checkValue() }
    @Test(arguments: cases) func pullback(_ operation: OperationCase) throws { try operation.checkPullback() }
    @Test(arguments: cases) func bits(_ operation: OperationCase) throws { try operation.checkBits() }

    private static let epsilon = 1e-5

    /// - Parameter channels: those of each source.
    private static func groupNorm(
        height: Int, width: Int, channels: [Int], groups: Int, silu: Bool = true, halves: Bool = false,
        isAdaptive: Bool = false
    ) -> OperationCase {
        let count = channels.reduce(0, +)
        let maps = channels.map { MapShape(height: height, width: width, channels: $0) }
        let adaptation = MapShape(height: 1, width: 1, segments: [count, count])
        let (gamma, beta) = (testNumbers(count, seed: 11), testNumbers(count, seed: 12))
        return OperationCase(
            "\(height)x\(width), \(channels) channels, \(groups) groups\(silu ? ", silu" : "")"
                + "\(halves ? ", halved" : "")\(isAdaptive ? ", adaptive" : "")",
            maps + (isAdaptive ? [adaptation] : []), tolerances: (3e-6, 2e-5),
            build: { graph, values in
                let sources = Sources(Array(values.prefix(channels.count)))
                return graph.add(GroupNorm.outputShape(sources.shape, halves: halves)) {
                    GroupNorm(
                        sources, output: $0, gamma: Parameter(name: "gamma", shape: [count], elements: gamma),
                        beta: Parameter(name: "beta", shape: [count], elements: beta),
                        options: .init(
                            groups: groups, epsilon: Float(epsilon), silu: silu, halves: halves,
                            adaptation: isAdaptive ? values.last : nil))
                }
            },
            plain: { inputs in
                let x = inputs.prefix(channels.count).flatMap { $0 }
                var z = normalized(x, groups: groups)
                let pixels = height * width
                for index in z.indices {
                    let channel = index / pixels
                    z[index] = Double(gamma[channel]) * z[index] + Double(beta[channel])
                    if isAdaptive, let adaptation = inputs.last {
                        z[index] = z[index] * (1 + adaptation[channel]) + adaptation[count + channel]
                    }
                    if silu { z[index] = plainSiLU(z[index]) }
                }
                return halves ? halved(z, height: height, width: width) : z
            })
    }

    private static func normalized(_ x: [Double], groups: Int) -> [Double] {
        let size = x.count / groups
        return (0..<groups).flatMap { group in
            let elements = x[group * size..<(group + 1) * size]
            let mean = elements.reduce(0, +) / Double(size)
            let variance = elements.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(size)
            return elements.map { ($0 - mean) / (variance + epsilon).squareRoot() }
        }
    }

    private static func halved(_ x: [Double], height: Int, width: Int) -> [Double] {
        (0..<x.count / 4).map { index in
            let (line, column) = (index / (width / 2), index % (width / 2))
            let start = 2 * line * width + 2 * column
            return (x[start] + x[start + 1] + x[start + width] + x[start + width + 1]) / 4
        }
    }
}
