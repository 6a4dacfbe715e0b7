import Diagnostics
import Diffusion
import Networks
import Tensors

/// The denoiser of a point cloud model: D(x; t) = (x - sigma(t) e(x, beta(t), z)) / alpha(t), with the numbers z of the
/// cloud's shape from the condition (Luo and Hu 2021).
///
/// x is [B, N, 3]. The factors and their derivatives are computed in Double and rounded once.
struct PointCloudDenoiser: ResizableDenoiser {
    /// The tensor of a stream that holds z.
    static let conditionName = "condition"

    let network: PointwiseNet
    let levels: LinearNoiseLevels
    let process: NoiseProcess
    let sampleShape: [Int]

    init(network: PointwiseNet, levels: LinearNoiseLevels, pointCount: Int) {
        self.network = network
        self.levels = levels
        process = levels.process
        sampleShape = [pointCount, 3]
    }

    var hasPullback: Bool { true }
    var labelCount: Int { 0 }

    func resized(to shape: [Int]) -> (any Denoiser<Float>)? {
        guard shape.count == 2, shape[0] > 0, shape[1] == 3 else { return nil }
        return PointCloudDenoiser(network: network, levels: levels, pointCount: shape[0])
    }

    func denoise(_ x: Tensor<Float>, at times: [Double], given condition: Condition) throws -> Tensor<Float> {
        let noise = network.evaluate(
            x, levels: times.map { levels.level(at: $0) }, shapes: try shapes(condition, count: x.batch))
        return combine(x, noise, times.map { Prediction.noise.inverse(process, at: $0) })
    }

    func linearize(_ x: Tensor<Float>, at times: [Double], given condition: Condition) throws -> Linearization<Float> {
        let inner = network.linearize(
            x, levels: times.map { levels.level(at: $0) }, shapes: try shapes(condition, count: x.batch))
        let variables = times.map { Dual.variable($0, index: 0, of: 1) }
        let factors = variables.map { Prediction.noise.inverse(process, at: $0) }
        let rates = variables.map { levels.level(at: $0).partial(0) }
        let values = factors.map { (state: $0.state.value, prediction: $0.prediction.value) }
        return Linearization(value: combine(x, inner.value, values)) { cotangent in
            let pulled = inner.pullback(combine(cotangent, cotangent, values.map { (0, $0.prediction) }))
            let timeCotangents = factors.indices.map { sample in
                factors[sample].state.partial(0) * dot(cotangent, x, sample: sample)
                    + factors[sample].prediction.partial(0) * dot(cotangent, inner.value, sample: sample)
                    + rates[sample] * pulled.levels[sample]
            }
            return Cotangents(x: combine(cotangent, pulled.x, values.map { ($0.state, 1) }), times: timeCotangents)
        }
    }

    /// z of every cloud, [B, F].
    private func shapes(_ condition: Condition, count: Int) throws -> Tensor<Float> {
        guard let shapes = condition.tensors[Self.conditionName], shapes.shape == [count, network.shapeCount] else {
            throw Failure(
                .data, "a point cloud model needs the tensor `\(Self.conditionName)` [\(count), \(network.shapeCount)]")
        }
        return shapes
    }
}

/// p a + q b, with the factors p and q of each sample.
private func combine(
    _ a: Tensor<Float>, _ b: Tensor<Float>, _ factors: [(state: Double, prediction: Double)]
) -> Tensor<Float> {
    let size = a.sampleCount
    return Tensor(shape: a.shape) { target in
        a.withElements { a in
            b.withElements { b in
                for (sample, factor) in factors.enumerated() {
                    let (p, q) = (Float(factor.state), Float(factor.prediction))
                    for index in sample * size..<(sample + 1) * size { target[index] = p * a[index] + q * b[index] }
                }
            }
        }
    }
}

/// The inner product over one sample, in Double.
private func dot(_ a: Tensor<Float>, _ b: Tensor<Float>, sample: Int) -> Double {
    let size = a.sampleCount
    return a.withElements { a in
        b.withElements { b in
            (sample * size..<(sample + 1) * size).reduce(0.0) { $0 + Double(a[$1]) * Double(b[$1]) }
        }
    }
}
