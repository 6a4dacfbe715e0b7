import Diagnostics
import Diffusion
import Networks
import Tensors

/// A preconditioned pixel network as a denoiser under EDM's process: D(x; s) = c_skip x + c_out F(c_in x; c_noise) (Karras et
/// al. 2022, Table 1).
///
/// The factors and their derivatives are taken in Double and rounded once. x is [B, C, H, W] and times are sigma. A network
/// with learned variances has 2C outputs; the first C are used.
struct NetworkDenoiser: Denoiser {
    let network: any PixelNetwork
    let preconditioning: Preconditioning
    let sampleShape: [Int]
    let labelCount: Int

    var hasPullback: Bool { true }

    func denoise(_ x: Tensor<Float>, at times: [Double], given condition: Condition) throws -> Tensor<Float> {
        let factors = times.map { preconditioning.factors($0) as Preconditioning.Factors<Double> }
        let output = try network.evaluate(
            scaled(x, by: factors.map(\.input)), noise: factors.map { Float($0.noise) },
            labels: try oneHot(condition.classes))
        return combine(x, output, factors.map { ($0.skip, $0.output) })
    }

    func linearize(_ x: Tensor<Float>, at times: [Double], given condition: Condition) throws -> Linearization<Float> {
        let factors = times.map { preconditioning.derivatives($0) }
        let inner = try network.linearize(
            scaled(x, by: factors.map(\.input.value)), noise: factors.map { Float($0.noise.value) },
            labels: try oneHot(condition.classes))
        let output = inner.value
        let value = combine(x, output, factors.map { ($0.skip.value, $0.output.value) })
        return Linearization(value: value) { cotangent in
            let (inputCotangent, noiseCotangent) = try inner.pullback(
                widened(cotangent, like: output, by: factors.map(\.output.value)))
            let pulled = combine(cotangent, inputCotangent, factors.map { ($0.skip.value, $0.input.value) })
            let timeCotangents = factors.indices.map { sample in
                let f = factors[sample]
                return f.skip.partial(0) * dot(cotangent, x, sample: sample)
                    + f.output.partial(0) * dot(cotangent, output, sample: sample)
                    + f.input.partial(0) * dot(x, inputCotangent, sample: sample)
                    + f.noise.partial(0) * Double(noiseCotangent[sample])
            }
            return Cotangents(x: pulled, times: timeCotangents)
        }
    }

    /// Returns one row for each sample, [B, classes]: 1 in the column of its class, only zeros for -1; nil if the network has no
    /// classes or is told none.
    private func oneHot(_ classes: [Int]?) throws -> Tensor<Float>? {
        guard let classes, labelCount > 0 else { return nil }
        var rows = Tensor<Float>(shape: [classes.count, labelCount])
        for (row, label) in classes.enumerated() where label >= 0 {
            guard label < labelCount else {
                throw Failure(.data, "label \(label) is no class of the model, which has \(labelCount)")
            }
            rows[row * labelCount + label] = 1
        }
        return rows
    }
}

// Each sample has its own factors. If samples of `b` have more elements than those of `a`, the helpers read the first ones.

/// Returns x with each sample multiplied by its factor.
private func scaled(_ x: Tensor<Float>, by factors: [Double]) -> Tensor<Float> {
    let size = x.sampleCount
    var elements = x.elements
    for (sample, factor) in factors.enumerated() {
        let factor = Float(factor)
        for index in sample * size..<(sample + 1) * size { elements[index] *= factor }
    }
    return Tensor(shape: x.shape, elements: elements)
}

/// Returns p a + q b in the shape of `a`, with each sample's own p and q.
private func combine(_ a: Tensor<Float>, _ b: Tensor<Float>, _ factors: [(Double, Double)]) -> Tensor<Float> {
    let (size, stride) = (a.sampleCount, b.sampleCount)
    let second = b.elements
    var elements = a.elements
    for (sample, (p, q)) in factors.enumerated() {
        let (p, q) = (Float(p), Float(q))
        for offset in 0..<size {
            let index = sample * size + offset
            elements[index] = p * elements[index] + q * second[sample * stride + offset]
        }
    }
    return Tensor(shape: a.shape, elements: elements)
}

/// Returns x with each sample multiplied by its factor, in the shape of `like`; channels that x lacks are zero.
private func widened(_ x: Tensor<Float>, like other: Tensor<Float>, by factors: [Double]) -> Tensor<Float> {
    let (size, stride) = (x.sampleCount, other.sampleCount)
    guard size != stride else { return scaled(x, by: factors) }
    let source = scaled(x, by: factors).elements
    var elements = [Float](repeating: 0, count: other.count)
    for sample in factors.indices {
        for offset in 0..<size { elements[sample * stride + offset] = source[sample * size + offset] }
    }
    return Tensor(shape: other.shape, elements: elements)
}

/// Returns the inner product of one sample of `a` and `b`, in Double.
private func dot(_ a: Tensor<Float>, _ b: Tensor<Float>, sample: Int) -> Double {
    zip(a.doubles(sample: sample), b.doubles(sample: sample)).reduce(0.0) { $0 + $1.0 * $1.1 }
}
