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

    var acceptedShapes: String { "[N, 3] with any number N of points" }

    func resized(to shape: [Int]) -> (any Denoiser<Float>)? {
        guard shape.count == 2, shape[0] > 0, shape[1] == 3 else { return nil }
        return PointCloudDenoiser(network: network, levels: levels, pointCount: shape[0])
    }

    func denoise(_ x: Tensor<Float>, at times: [Double], given condition: Condition) throws -> Tensor<Float> {
        let noise = network.evaluate(
            x, levels: times.map { levels.level(at: $0) }, shapes: try shapes(condition, count: x.batch))
        return DataConversion(.noise, process, at: times).data(x, noise)
    }

    func linearize(_ x: Tensor<Float>, at times: [Double], given condition: Condition) throws -> Linearization<Float> {
        let inner = network.linearize(
            x, levels: times.map { levels.level(at: $0) }, shapes: try shapes(condition, count: x.batch))
        let conversion = DataConversion(.noise, process, at: times)
        let rates = times.map { levels.level(at: Dual.variable($0, index: 0, of: 1)).partial(0) }
        return Linearization(value: conversion.data(x, inner.value)) { cotangent in
            let pulled = inner.pullback(conversion.networkCotangent(cotangent))
            return Cotangents(
                x: conversion.stateCotangent(cotangent, through: pulled.x),
                times: zip(conversion.timeCotangents(cotangent, x, inner.value), zip(rates, pulled.levels)).map {
                    $0 + $1.0 * $1.1
                })
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
