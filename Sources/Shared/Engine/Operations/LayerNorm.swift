/// Layer norm (Ba et al. 2016): the channels of each pixel are normalized by themselves,
///
///     y = gamma x^ + beta,   x^ = (x - mean) r,   r = 1 / sqrt(variance + eps)
///
/// With g the cotangent of y, g' = gamma g and means over the channels of a pixel, the cotangent of x is
///
///     r (g' - mean(g') - x^ mean(g' x^))
///
/// The pullback reads x again; mean and r of each pixel are kept.
package struct LayerNorm: Operation {
    package let input: Value
    package let output: Value
    let gamma: Parameter
    let beta: Parameter
    let epsilon: Float
    /// gamma, beta, and 1 for each channel; zeros in the padding: [3, stride].
    private let weights = MadeOnce<FloatBuffer>()

    /// - Parameter input: a map of one segment.
    package init(_ input: Value, output: Value, gamma: Parameter, beta: Parameter, epsilon: Float = 1e-5) {
        precondition(input.shape == output.shape && input.shape.segments.count == 1)
        self.input = input
        self.output = output
        self.gamma = gamma
        self.beta = beta
        self.epsilon = epsilon
    }

    package var kind: LayerKind { .normalization }
    package var inputs: [Value] { [input] }
    package var pullbackReadsInputs: Bool { true }
    /// Mean and r of each pixel.
    package var savedCount: Int { 2 * input.shape.pixels }

    private var stride: Int { input.shape.stride }
    private var channels: Float { Float(input.shape.channels) }

    package func prepare(pullback: Bool) throws {
        try weights.prepare {
            let (gamma, beta) = (try gamma.load(), try beta.load())
            let buffer = FloatBuffer(zeros: 3 * stride)
            for channel in gamma.indices {
                buffer.start[channel] = gamma[channel]
                buffer.start[stride + channel] = beta[channel]
                buffer.start[2 * stride + channel] = 1
            }
            return buffer
        }
    }

    private var prepared: FloatPointer {
        guard let weights = weights.value else { preconditionFailure("\(gamma.name) was not prepared") }
        return FloatPointer(weights.start)
    }

    package func forward(_ run: GraphRun) {
        let source = FloatPointer(run.activations(input)), target = run.activations(output)
        let gamma = prepared, beta = gamma + stride, ones = beta + stride
        MapPasses.pixels(run, input.shape) { pixel in
            let x = source + pixel * stride, y = target + pixel * stride
            var sums = FloatVector.zero
            for k in Swift.stride(from: 0, to: stride, by: lanes) { sums += load(x + k) }
            let mean = sums.sum() / channels, shift = FloatVector(repeating: mean)
            var squares = FloatVector.zero
            for k in Swift.stride(from: 0, to: stride, by: lanes) {
                let distance = (load(x + k) - shift) * load(ones + k)
                squares = multiplyAdd(squares, distance, distance)
            }
            let r = 1 / (squares.sum() / channels + epsilon).squareRoot(), scale = FloatVector(repeating: r)
            for k in Swift.stride(from: 0, to: stride, by: lanes) {
                store(multiplyAdd(load(beta + k), (load(x + k) - shift) * scale, load(gamma + k)), y + k)
            }
            run.saved[2 * pixel] = mean
            run.saved[2 * pixel + 1] = r
        }
    }

    package func pullback(_ run: GraphRun) {
        guard let (target, adds) = run.delivery(0, of: input) else { return }
        let source = FloatPointer(run.activations(input)), cotangent = FloatPointer(run.cotangent(output))
        let gamma = prepared, ones = gamma + 2 * stride
        MapPasses.pixels(run, input.shape) { pixel in
            let x = source + pixel * stride, g = cotangent + pixel * stride, place = target + pixel * stride
            let shift = FloatVector(repeating: run.saved[2 * pixel])
            let r = FloatVector(repeating: run.saved[2 * pixel + 1])
            var sums = FloatVector.zero, moments = FloatVector.zero
            for k in Swift.stride(from: 0, to: stride, by: lanes) {
                let inner = load(g + k) * load(gamma + k)
                sums += inner
                moments = multiplyAdd(moments, inner, (load(x + k) - shift) * r)
            }
            let mean = FloatVector(repeating: sums.sum() / channels)
            let moment = FloatVector(repeating: moments.sum() / channels)
            for k in Swift.stride(from: 0, to: stride, by: lanes) {
                let normal = (load(x + k) - shift) * r
                let inner = load(g + k) * load(gamma + k) - mean - normal * moment
                let value = r * inner * load(ones + k)
                store(adds ? value + load(place + k) : value, place + k)
            }
        }
    }
}
