import Diagnostics
import Engine
import Formats
import Tensors

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The noise prediction e(x, beta, z) of a cloud (Luo and Hu 2021, "Diffusion Probabilistic Models for 3D Point Cloud
/// Generation"): gated layers that see one point, the noise level and the cloud's shape.
///
/// x is [B, N, 3] with any N, `levels` holds beta of every cloud, and z is [B, F].
package struct PointwiseNet: Sendable {
    /// F, the numbers that describe a shape.
    package let shapeCount: Int
    /// Whether the points are added to the last layer's values.
    package let isResidual: Bool
    private let layers: GatedPointLayers

    private static let slope: Float = 0.01
    /// beta, sin beta, cos beta
    private static let levelCount = 3

    /// - Parameter prefix: the beginning of the tensors' names, for example "diffusion.net.".
    ///
    /// Throws `data` if a tensor is missing, or does not fit the others.
    package init(weights: any WeightSource, prefix: String, isResidual: Bool, pool: ThreadPool) throws {
        let gate = "\(prefix)layers.0._hyper_gate.weight"
        guard let shape = weights.shape(of: gate), shape.count == 2, shape[1] > Self.levelCount, shape[1] <= 1 << 16
        else {
            throw Failure(.data, place: gate, "is no matrix of a point cloud network's first gate")
        }
        let context = shape[1]
        var read: [GatedPointLayers.Layer] = []
        while let size = weights.shape(of: "\(prefix)layers.\(read.count)._layer.weight") {
            let place = "\(prefix)layers.\(read.count)."
            guard size.count == 2, size.allSatisfy({ (1...1 << 14).contains($0) }), read.count < 64,
                size[1] == read.last?.outputs ?? 3
            else {
                throw Failure(
                    .data, place: "\(place)_layer.weight",
                    "has shape \(size) behind a layer of \(read.last?.outputs ?? 3) channels")
            }
            read.append(
                .init(
                    weight: try PointCloudTensor.parameter("\(place)_layer.weight", size, weights),
                    bias: try PointCloudTensor.parameter("\(place)_layer.bias", [size[0]], weights),
                    gateWeight: try PointCloudTensor.parameter(
                        "\(place)_hyper_gate.weight", [size[0], context], weights),
                    gateBias: try PointCloudTensor.parameter("\(place)_hyper_gate.bias", [size[0]], weights),
                    shiftWeight: try PointCloudTensor.parameter(
                        "\(place)_hyper_bias.weight", [size[0], context], weights)))
        }
        guard read.last?.outputs == 3 else {
            throw Failure(.data, place: "\(prefix)layers", "give \(read.last?.outputs ?? 0) numbers a point, not 3")
        }
        shapeCount = context - Self.levelCount
        self.isResidual = isResidual
        layers = try GatedPointLayers(read, contextCount: context, slope: Self.slope, pool: pool)
    }

    /// Multiply-adds of one point.
    package var multiplications: Int { layers.multiplications }

    /// Returns the noise prediction, [B, N, 3].
    package func evaluate(_ x: Tensor<Float>, levels: [Double], shapes z: Tensor<Float>) -> Tensor<Float> {
        let value = layers.evaluate(x, context: context(levels, z))
        return isResidual ? weightedSum(1, value, 1, x) : value
    }

    /// Returns the noise prediction and a closure that pulls a cotangent of it, [B, N, 3], back to x, [B, N, 3], and to
    /// the noise levels, [B].
    package func linearize(
        _ x: Tensor<Float>, levels: [Double], shapes z: Tensor<Float>
    ) -> (value: Tensor<Float>, pullback: (Tensor<Float>) -> (x: Tensor<Float>, levels: [Double])) {
        let isResidual = isResidual
        let inner = layers.linearize(x, context: context(levels, z), rate: contextRate(levels))
        return (
            isResidual ? weightedSum(1, inner.value, 1, x) : inner.value,
            { cotangent in
                let pulled = inner.pullback(cotangent)
                return (isResidual ? weightedSum(1, pulled.points, 1, cotangent) : pulled.points, pulled.parameter)
            }
        )
    }

    /// [beta, sin beta, cos beta, z] of every cloud.
    private func context(_ levels: [Double], _ z: Tensor<Float>) -> Tensor<Float> {
        precondition(z.shape == [levels.count, shapeCount])
        return Tensor(shape: [levels.count, Self.levelCount + shapeCount], rows: levels.count, pool: nil) { row in
            let beta = levels[row]
            return [Float(beta), Float(sin(beta)), Float(cos(beta))]
                + z.withElements { Array($0[row * shapeCount..<(row + 1) * shapeCount]) }
        }
    }

    /// The context's derivative along beta.
    private func contextRate(_ levels: [Double]) -> Tensor<Float> {
        let zeros = [Float](repeating: 0, count: shapeCount)
        return Tensor(shape: [levels.count, Self.levelCount + shapeCount], rows: levels.count, pool: nil) { row in
            [1, Float(cos(levels[row])), Float(-sin(levels[row]))] + zeros
        }
    }
}

/// Tensors of a point cloud model's file.
enum PointCloudTensor {
    /// Returns the tensor as a parameter. Throws `data` if it is missing or has another shape.
    static func parameter(_ name: String, _ shape: [Int], _ weights: any WeightSource) throws -> Parameter {
        guard let found = weights.shape(of: name) else {
            throw weights.missing(name)
        }
        guard found == shape else {
            throw Failure(.data, place: name, "has shape \(found) where the other tensors ask for \(shape)")
        }
        return Parameter(name: name, shape: shape, access: { body in try weights.withFloats(name, body) })
    }
}
