import Engine
import Tensors
import TestSupport
import Testing

/// Every form of the convolution; ConvolutionKernelTests compares the kernels on larger maps.
@Suite struct ConvolutionTests {
    static let cases: [OperationCase] =
        [
            convolution("linear", [features(40)], outputs: 21, Window(1)),
            convolution("1x1", [map(5, 4, 18)], outputs: 33, Window(1)),
            convolution("1x1 over two maps", [map(4, 3, 18), map(4, 3, 5)], outputs: 20, Window(1)),
            convolution("3x3 over two maps", [map(5, 4, 6), map(5, 4, 17)], outputs: 9, Window(3)),
            convolution("3x3 of a narrow map", [map(5, 5, 3)], outputs: 4, Window(3)),
            convolution("stride 2", [map(7, 6, 10)], outputs: 8, Window(3, stride: 2)),
            convolution("stride 2 without padding", [map(9, 7, 5)], outputs: 6, Window(3, stride: 2, padding: 0)),
            convolution(
                "1x7", [map(3, 9, 6)], outputs: 7, Window(height: 1, width: 7, paddingHeight: 0, paddingWidth: 3)),
            convolution(
                "with an image's bias and a scale", [map(4, 4, 12)], outputs: 18, Window(3), scale: 0.6, imageBias: true
            ),
            convolution("with a residual", [map(5, 4, 12)], outputs: 10, Window(3), scale: 0.7, residual: true),
            convolution(
                "with everything", [map(3, 4, 8)], outputs: 16, Window(1), scale: 0.5, imageBias: true, residual: true),
            convolution("rectified", [map(5, 6, 8)], outputs: 20, Window(3), rectifies: true),
            convolution("rectified and scaled", [map(4, 4, 20)], outputs: 5, Window(1), scale: 2, rectifies: true),
        ]
        + ([.indirect, .winograd2, .winograd4] as [ConvolutionKernel]).flatMap { kernel in
            [
                convolution("3x3 by \(kernel)", [map(9, 7, 5)], outputs: 18, Window(3), kernel: kernel),
                convolution(
                    "upsampling by \(kernel)", [map(4, 5, 5)], outputs: 6, Window(3, upsamples: true), kernel: kernel),
                convolution(
                    "padding 2, residual, by \(kernel)", [map(4, 4, 5)], outputs: 6, Window(3, padding: 2), scale: 0.7,
                    residual: true, kernel: kernel),
                convolution(
                    "rectified by \(kernel)", [map(6, 6, 5)], outputs: 6, Window(3), rectifies: true, kernel: kernel),
            ]
        }

    @Test(arguments: cases) func value(_ operation: OperationCase) throws { try operation.checkValue() }
    @Test(arguments: cases) func pullback(_ operation: OperationCase) throws { try operation.checkPullback() }
    @Test(arguments: cases) func bits(_ operation: OperationCase) throws { try operation.checkBits() }

    private static func map(_ height: Int, _ width: Int, _ channels: Int) -> MapShape {
        MapShape(height: height, width: width, channels: channels)
    }

    private static func features(_ count: Int) -> MapShape { MapShape(features: count) }

    private static func convolution(
        _ description: String, _ sources: [MapShape], outputs: Int, _ window: Window, scale: Float = 1,
        imageBias: Bool = false, residual: Bool = false, rectifies: Bool = false, kernel: ConvolutionKernel? = nil
    ) -> OperationCase {
        let input = MapShape(
            height: sources[0].height, width: sources[0].width, segments: sources.flatMap(\.segments))
        let output = window.output(of: input, segments: [outputs])
        let weight = testNumbers(outputs * input.channels * window.taps, seed: 21)
        let bias = testNumbers(outputs, seed: 22)
        return OperationCase(
            description, sources + (imageBias ? [features(outputs)] : []) + (residual ? [output] : []),
            tolerances: kernel == .winograd4 ? (1e-5, 1e-5) : (3e-6, 3e-6),
            build: { graph, values in
                graph.add(output) {
                    Convolution(
                        Sources(Array(values.prefix(sources.count))), output: $0, window: window,
                        weight: Parameter(
                            name: "weight", shape: [outputs, input.channels, window.height, window.width],
                            elements: weight),
                        bias: Parameter(name: "bias", shape: [outputs], elements: bias),
                        options: .init(
                            imageBias: imageBias ? values[sources.count] : nil, residual: residual ? values.last : nil,
                            scale: scale, rectifies: rectifies, kernel: kernel))
                }
            },
            plain: { inputs in
                let sums = NaiveConvolution.convolve(
                    inputs.prefix(sources.count).flatMap { $0 }, batch: 1, channels: input.channels,
                    height: input.height, width: input.width, weight: doubles(weight), outputs: outputs,
                    window: (window.height, window.width), stride: window.stride,
                    padding: (window.paddingHeight, window.paddingWidth), upsamples: window.upsamples)
                return sums.indices.map { index in
                    let channel = index / output.pixels
                    var y = sums[index] + Double(bias[channel])
                    if imageBias { y += inputs[sources.count][channel] }
                    if residual { y += inputs[inputs.count - 1][index] }
                    y *= Double(scale)
                    return rectifies ? max(y, 0) : y
                }
            })
    }
}
