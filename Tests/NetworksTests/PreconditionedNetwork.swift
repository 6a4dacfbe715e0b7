import Formats
import Networks
import Tensors

/// The preconditioning of EDM and its relatives (Karras et al. 2022, Table 1), written plainly: D, and its cotangents of x
/// and sigma.
struct PreconditionedNetwork {
    let network: any PixelNetwork
    /// Returns (skip, out, in, noise) for sigma, and their derivatives.
    let coefficients: (Double) -> (value: [Double], slope: [Double])

    init(_ network: any PixelNetwork, levels: [Double] = []) throws {
        self.network = network
        switch network.configuration.preconditioning {
        case "VPPrecond": coefficients = Self.vp
        case "VEPrecond":
            coefficients = { s in ([1, s, 1, Double.log(s / 2)], [0, 1, 0, 1 / s]) }
        case "iDDPMPrecond":
            coefficients = { s in
                let nearest = levels.indices.min { abs(levels[$0] - s) < abs(levels[$1] - s) } ?? 0
                let root = (s * s + 1).squareRoot()
                return ([1, -s, 1 / root, 999 - Double(nearest)], [0, -1, -s / (root * root * root), 0])
            }
        default: coefficients = Self.edm
        }
    }

    private static func edm(_ s: Double) -> (value: [Double], slope: [Double]) {
        let d = 0.5, q = s * s + d * d
        let root = q.squareRoot()
        return (
            [d * d / q, s * d / root, 1 / root, Double.log(s) / 4],
            [-2 * s * d * d / (q * q), d * d * d / (q * root), -s / (q * root), 1 / (4 * s)]
        )
    }

    private static func vp(_ s: Double) -> (value: [Double], slope: [Double]) {
        let (bd, bmin) = (19.9, 0.1)
        let inner = (bmin * bmin + 2 * bd * Double.log(1 + s * s)).squareRoot()
        let root = (s * s + 1).squareRoot()
        return (
            [1, -s, 1 / root, 999 * (inner - bmin) / bd],
            [0, -1, -s / (root * root * root), 999 * 2 * s / ((1 + s * s) * inner)]
        )
    }

    func denoise(_ x: Tensor<Float>, sigma: [Float], labels: Tensor<Float>?) throws -> Tensor<Float> {
        let c = sigma.map { coefficients(Double($0)).value }
        let output = try network.evaluate(scaled(x, c.map { $0[2] }), noise: c.map { Float($0[3]) }, labels: labels)
        return combine(x, kept(output), c)
    }

    func vjp(
        _ x: Tensor<Float>, sigma: [Float], labels: Tensor<Float>?, cotangent v: Tensor<Float>
    ) throws -> (value: Tensor<Float>, x: Tensor<Float>, sigma: [Double]) {
        let c = sigma.map { coefficients(Double($0)).value }
        let slopes = sigma.map { coefficients(Double($0)).slope }
        let linear = try network.linearize(scaled(x, c.map { $0[2] }), noise: c.map { Float($0[3]) }, labels: labels)
        let output = kept(linear.value)
        let pulled = try linear.pullback(widened(scaled(v, c.map { $0[1] }), like: linear.value))
        let size = x.sampleCount
        var gradient = Tensor<Float>(shape: x.shape)
        var sigmas: [Double] = []
        for image in 0..<x.batch {
            var sum = slopes[image][3] * Double(pulled.noise[image])
            for index in image * size..<(image + 1) * size {
                gradient[index] = Float(c[image][0]) * v[index] + Float(c[image][2]) * pulled.x[index]
                sum +=
                    Double(v[index]) * (slopes[image][0] * Double(x[index]) + slopes[image][1] * Double(output[index]))
                sum += slopes[image][2] * Double(pulled.x[index]) * Double(x[index])
            }
            sigmas.append(sum)
        }
        return (combine(x, output, c), gradient, sigmas)
    }

    private func scaled(_ x: Tensor<Float>, _ factors: [Double]) -> Tensor<Float> {
        var result = x
        for index in 0..<x.count { result[index] = x[index] * Float(factors[index / x.sampleCount]) }
        return result
    }

    private func combine(_ x: Tensor<Float>, _ output: Tensor<Float>, _ c: [[Double]]) -> Tensor<Float> {
        var result = x
        for index in 0..<x.count {
            let image = c[index / x.sampleCount]
            result[index] = Float(image[0]) * x[index] + Float(image[1]) * output[index]
        }
        return result
    }

    /// Returns the first C of an iDDPM network's 2C channels.
    private func kept(_ output: Tensor<Float>) -> Tensor<Float> {
        let channels = network.configuration.imageChannels
        guard output.shape[1] > channels else { return output }
        let size = channels * output.shape[2] * output.shape[3]
        var elements: [Float] = []
        for image in 0..<output.batch {
            elements += output.elements[image * output.sampleCount..<image * output.sampleCount + size]
        }
        return Tensor(shape: [output.batch, channels, output.shape[2], output.shape[3]], elements: elements)
    }

    /// The transpose of `kept`.
    private func widened(_ v: Tensor<Float>, like output: Tensor<Float>) -> Tensor<Float> {
        guard output.shape != v.shape else { return v }
        var result = Tensor<Float>(shape: output.shape)
        for index in 0..<v.count {
            result[index / v.sampleCount * output.sampleCount + index % v.sampleCount] = v[index]
        }
        return result
    }
}
