import Diagnostics
import Engine
import Tensors
import TestSupport
import Testing

private let noTiles = "this processor has no tiles for bfloat16"

/// Products of bfloat16 numbers against plain sums in Double.
@Suite(.enabled(if: ProductPrecision.hasTiles, Comment(rawValue: noTiles))) struct TilesTests {
    typealias Shape = ConvolutionKernelTests.Shape

    static let shapes =
        ConvolutionKernelTests.square + ConvolutionKernelTests.other + [
            // More rows than one map holds, and more steps than a block.
            Shape(size: (70, 66), channels: 600, outputs: 3, window: Window(3)),
            Shape(size: (22, 33), channels: 70, outputs: 50, window: Window(3, stride: 2)),
        ]

    /// Numbers that bfloat16 holds exactly: only sums are rounded, to Float.
    @Test(arguments: shapes) func exactFactors(_ shape: Shape) throws {
        try check(shape, rounds: true, share: 1e-6)
    }

    /// Rounding changes each factor by at most 2^-9 of it.
    @Test(arguments: shapes) func roundedFactors(_ shape: Shape) throws {
        try check(shape, rounds: false, share: 1.01 * 0x1p-8)
    }

    /// A rectified map may have another sign at a rounded number.
    static let operations =
        (ConvolutionTests.cases + AttentionTests.cases).filter { !$0.testDescription.hasPrefix("rectified") } + [
            // More keys than a forward run takes at a time, and a head of more channels than a tile has columns.
            AttentionTests.crossAttention(height: 5, width: 8, keys: 300, channels: 70, heads: 1),
            AttentionTests.crossAttention(height: 5, width: 8, keys: 2100, channels: 12, heads: 1),
            AttentionTests.attention(height: 18, width: 17, channels: 80, heads: 2),
        ]

    @Test(arguments: operations) func operation(_ operation: OperationCase) throws {
        let operation = operation.multiplying(in: .bf16, tolerance: 0x1p-6)
        try operation.checkValue()
        try operation.checkPullback()
        try operation.checkBits()
    }

    /// Expects the value and the cotangents of a convolution to differ from plain sums by at most `share` of the sum of
    /// their terms' sizes.
    private func check(_ shape: Shape, rounds: Bool, share: Double) throws {
        let (w, batch) = (shape.window, 2)
        func numbers(_ count: Int, seed: UInt64) -> [Float] {
            testNumbers(count, seed: seed).map { rounds ? Float(bitPattern: $0.bitPattern & 0xFFFF_0000) : $0 }
        }
        let input = MapShape(height: shape.size.0, width: shape.size.1, channels: shape.channels)
        let weight = numbers(shape.outputs * shape.channels * w.taps, seed: 1)
        var graph = Graph()
        let source = graph.input(input)
        let output = graph.add(w.output(of: input, segments: [shape.outputs])) {
            Convolution(
                Sources(source), output: $0, window: w,
                weight: Parameter(
                    name: "w", shape: [shape.outputs, shape.channels, w.height, w.width], elements: weight), bias: nil)
        }
        let network = CompiledNetwork(
            try graph.multiplying(in: .bf16), inputs: [source], outputs: [output], differentiable: [source],
            pool: ThreadPool(threads: 2))
        let x = Tensor(
            shape: [batch, shape.channels, input.height, input.width],
            elements: numbers(batch * shape.channels * input.pixels, seed: 3))
        let (values, pullback) = try network.linearize([x])
        let v = numbers(values[0].count, seed: 4)
        let plain = naive(doubles(x.elements), shape, doubles(weight), batch)
        let sizes = naive(doubles(x.elements).map(abs), shape, doubles(weight).map(abs), batch)
        let worst = zip(zip(values[0].elements, plain), sizes).map { abs(Double($0.0) - $0.1) / max($1, 1e-9) }.max()
        #expect(try #require(worst) < share)

        // <v, conv(x)> = <pullback(v), x>
        let pulled = try pullback([Tensor(shape: values[0].shape, elements: v)])[0]
        let left = zip(plain, v).reduce(0) { $0 + $1.0 * Double($1.1) }
        let right = zip(x.elements, pulled.elements).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        let size = zip(sizes, v).reduce(0) { $0 + $1.0 * abs(Double($1.1)) }
        #expect(abs(left - right) < share * size)
    }

    private func naive(_ x: [Double], _ shape: Shape, _ weight: [Double], _ batch: Int) -> [Double] {
        let w = shape.window
        return NaiveConvolution.convolve(
            x, batch: batch, channels: shape.channels, height: shape.size.0, width: shape.size.1, weight: weight,
            outputs: shape.outputs, window: (w.height, w.width), stride: w.stride,
            padding: (w.paddingHeight, w.paddingWidth), upsamples: w.upsamples)
    }
}

@Suite struct ProductPrecisionTests {
    @Test func everyProcessorHasFloat() throws { try ProductPrecision.float32.require() }

    @Test(.enabled(if: !ProductPrecision.hasTiles, "this processor has tiles for bfloat16"))
    func isRefusedWithoutTiles() throws {
        let failure = try #require(throws: Failure.self) { try ProductPrecision.bf16.require() }
        #expect(failure.status == .usage)
    }
}
