import Engine
import Tensors
import TestSupport
import Testing

/// The kernels of the convolution on maps of many sizes, against plain sums in Double.
@Suite struct ConvolutionKernelTests {
    struct Shape: Sendable, CustomTestStringConvertible {
        var size: (Int, Int)
        var channels: Int
        var outputs: Int
        var window: Window
        var testDescription: String {
            "\(size.0)x\(size.1), \(channels) to \(outputs), \(window.height)x\(window.width), stride \(window.stride)"
        }
    }

    /// The kernels with bounds on their errors, relative to the largest output, for sums of some hundred terms.
    static let kernels: [(ConvolutionKernel, Double)] = [(.indirect, 2e-6), (.winograd2, 3e-6), (.winograd4, 1e-5)]

    static let square = [
        Shape(size: (8, 8), channels: 32, outputs: 32, window: Window(3)),
        Shape(size: (16, 12), channels: 48, outputs: 80, window: Window(3)),
        Shape(size: (7, 5), channels: 3, outputs: 20, window: Window(3)),
        Shape(size: (9, 6), channels: 20, outputs: 3, window: Window(3, padding: 2)),
        Shape(size: (6, 7), channels: 17, outputs: 16, window: Window(3, padding: 0)),
        Shape(size: (5, 4), channels: 16, outputs: 24, window: Window(3, upsamples: true)),
        Shape(size: (16, 16), channels: 64, outputs: 64, window: Window(3, upsamples: true)),
        // Large enough for Winograd weights to be transformed when they are used.
        Shape(size: (20, 18), channels: 96, outputs: 80, window: Window(3)),
    ]

    static let other = [
        Shape(size: (8, 8), channels: 32, outputs: 48, window: Window(1)),
        Shape(size: (1, 1), channels: 40, outputs: 70, window: Window(1)),
        Shape(size: (9, 9), channels: 3, outputs: 16, window: Window(5)),
        Shape(size: (15, 13), channels: 3, outputs: 8, window: Window(7, stride: 2, padding: 3)),
        Shape(size: (11, 11), channels: 5, outputs: 6, window: Window(3, stride: 2, padding: 0)),
        Shape(size: (23, 23), channels: 3, outputs: 12, window: Window(11, stride: 4, padding: 2)),
        Shape(
            size: (6, 9), channels: 18, outputs: 33,
            window: Window(height: 1, width: 7, paddingHeight: 0, paddingWidth: 3)),
    ]

    @Test(arguments: square) func threeByThree(_ shape: Shape) throws {
        try check(shape, kernels: Self.kernels)
    }

    @Test(arguments: other) func otherWindows(_ shape: Shape) throws {
        try check(shape, kernels: [(.indirect, 2e-6)])
    }

    private func check(_ shape: Shape, kernels: [(ConvolutionKernel, Double)]) throws {
        let batch = 2
        let input = MapShape(height: shape.size.0, width: shape.size.1, channels: shape.channels)
        let w = shape.window
        let weight = testNumbers(shape.outputs * shape.channels * w.taps, seed: 1)
        let bias = testNumbers(shape.outputs, seed: 2)
        let x = Tensor(
            shape: [batch, shape.channels, input.height, input.width],
            elements: testNumbers(batch * shape.channels * input.pixels, seed: 3))
        let u = testNumbers(x.count, seed: 5)
        let plain = naive(doubles(x.elements), shape, weight, batch)
        let image = naive(doubles(u), shape, weight, batch)
        let v = testNumbers(plain.count, seed: 4)
        let pixels = plain.count / batch / shape.outputs
        let expected = plain.enumerated().map { $1 + Double(bias[$0 / pixels % shape.outputs]) }
        for (kernel, tolerance) in kernels {
            let (values, pullback) = try single(input, shape, weight, bias, kernel).linearize([x])
            let error = relativeError(doubles(values[0].elements), expected)
            #expect(error < tolerance, "\(kernel): \(error)")

            // <v, conv(u)> = <pullback(v), u>, the left side in Double.
            let pulled = try pullback([Tensor(shape: values[0].shape, elements: v)])[0]
            let left = zip(image, v).reduce(0) { $0 + $1.0 * Double($1.1) }
            let right = zip(u, pulled.elements).reduce(0) { $0 + Double($1.0) * Double($1.1) }
            let size = zip(image, v).reduce(0) { $0 + abs($1.0 * Double($1.1)) }
            #expect(abs(left - right) < tolerance * size, "\(kernel)")
        }
    }

    private func single(
        _ input: MapShape, _ shape: Shape, _ weight: [Float], _ bias: [Float], _ kernel: ConvolutionKernel
    ) -> CompiledNetwork {
        var graph = Graph()
        let source = graph.input(input)
        let w = shape.window
        let output = graph.add(w.output(of: input, segments: [shape.outputs])) {
            Convolution(
                Sources(source), output: $0, window: w,
                weight: Parameter(
                    name: "w", shape: [shape.outputs, shape.channels, w.height, w.width], elements: weight),
                bias: Parameter(name: "b", shape: [shape.outputs], elements: bias), options: .init(kernel: kernel))
        }
        return CompiledNetwork(
            graph, inputs: [source], outputs: [output], differentiable: [source], pool: ThreadPool(threads: 2))
    }

    private func naive(_ x: [Double], _ shape: Shape, _ weight: [Float], _ batch: Int) -> [Double] {
        let w = shape.window
        return NaiveConvolution.convolve(
            x, batch: batch, channels: shape.channels, height: shape.size.0, width: shape.size.1,
            weight: doubles(weight), outputs: shape.outputs, window: (w.height, w.width), stride: w.stride,
            padding: (w.paddingHeight, w.paddingWidth), upsamples: w.upsamples)
    }
}
