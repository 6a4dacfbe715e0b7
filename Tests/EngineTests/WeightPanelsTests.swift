import Engine
import Tensors
import TestSupport
import Testing

/// Neither the type in which weights are kept, nor one matrix for both directions, changes a bit of a result.
@Suite struct WeightPanelsTests {
    struct Layer: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let sources: [MapShape]
        let outputs: [Int]
        let window: Window
    }

    static let layers = [
        Layer(
            testDescription: "1x1 of two maps", sources: [map(9, 5, [70]), map(9, 5, [20, 50])], outputs: [40, 45],
            window: Window(1)),
        Layer(testDescription: "linear", sources: [map(1, 1, [72])], outputs: [130], window: Window(1)),
        Layer(
            testDescription: "3x3 of stride 2", sources: [map(9, 8, [33])], outputs: [48],
            window: Window(3, stride: 2)),
        Layer(testDescription: "3x3", sources: [map(20, 18, [40, 50])], outputs: [85], window: Window(3)),
        Layer(
            testDescription: "3x3 that enlarges", sources: [map(9, 8, [96])], outputs: [70],
            window: Window(3, upsamples: true)),
        Layer(testDescription: "3x3 of a narrow map", sources: [map(9, 8, [3])], outputs: [70], window: Window(3)),
    ]

    @Test(arguments: layers) func sharedMatrix(_ layer: Layer) throws {
        #expect(try results(layer, .float32, shares: true) == results(layer, .float32, shares: false))
    }

    @Test(arguments: layers, [WeightPrecision.float16, .bfloat16])
    func precision(_ layer: Layer, _ precision: WeightPrecision) throws {
        let expected = try results(layer, .float32, shares: false, rounded: precision)
        for shares in [false, true] {
            #expect(try results(layer, precision, shares: shares, rounded: precision) == expected)
        }
    }

    private static func map(_ height: Int, _ width: Int, _ segments: [Int]) -> MapShape {
        MapShape(height: height, width: width, segments: segments)
    }

    /// Returns the value and the cotangents of a convolution.
    private func results(
        _ layer: Layer, _ precision: WeightPrecision, shares: Bool, rounded: WeightPrecision = .float32
    ) throws -> [[Float]] {
        var graph = Graph()
        let values = layer.sources.map { graph.input($0) }
        let sources = Sources(values)
        let shape = [layer.outputs.reduce(0, +), sources.shape.channels, layer.window.height, layer.window.width]
        let elements = testNumbers(shape.reduce(1, *), seed: 5).map { rounded.round($0) }
        let weight = Parameter(name: "w", shape: shape, precision: precision) { elements }
        let output = graph.add(layer.window.output(of: sources.shape, segments: layer.outputs)) {
            Convolution(
                sources, output: $0, window: layer.window, weight: weight, bias: nil,
                options: .init(sharesWeights: shares))
        }
        let network = CompiledNetwork(
            graph, inputs: values, outputs: [output], differentiable: values, pool: ThreadPool(threads: 2))
        let inputs = layer.sources.enumerated().map { index, source in
            Tensor(
                shape: [2, source.channels, source.height, source.width],
                elements: testNumbers(2 * source.channels * source.pixels, seed: 7 + UInt64(index)))
        }
        let (results, pullback) = try network.linearize(inputs)
        let cotangent = Tensor(shape: results[0].shape, elements: testNumbers(results[0].count, seed: 11))
        return (results + (try pullback([cotangent]))).map(\.elements)
    }
}

extension WeightPrecision {
    fileprivate func round(_ value: Float) -> Float {
        switch self {
        case .float32: value
        case .float16: Float(Float16(value))
        case .bfloat16: Float(bitPattern: value.bitPattern & 0xFFFF_0000)
        }
    }
}
