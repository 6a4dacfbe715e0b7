import Diagnostics
import Engine
import Formats
import Networks
import Tensors

/// Inception-v3 as the FID tools use it (docs/methods/metrics.md, "Inception features"): the TensorFlow network of
/// 2015-12-05 under the names of pytorch-fid's port. The feature is the mean over pixels of the last block, 2048
/// numbers.
///
/// Its pools differ from those of torchvision's network: average pools do not count the padding, and the last block
/// pools with the maximum. Batch norms are folded into the convolutions.
package final class InceptionFeatures: FeatureNetwork {
    package let input: InceptionInput
    package let featureCount = 2048
    package let channels = 3
    private let network: CompiledNetwork
    private let pool: ThreadPool

    package init(weights: any WeightSource, input: InceptionInput, pool: ThreadPool) throws {
        var builder = NetworkBuilder(weights: weights)
        let side = InceptionInput.side
        let image = builder.input(MapShape(height: side, width: side, channels: 3))
        let outputs = try builder.inception(image).map { builder.globalMean($0) }
        network = CompiledNetwork(builder.graph, inputs: [image], outputs: outputs, differentiable: [], pool: pool)
        self.input = input
        self.pool = pool
    }

    package var name: String { "inception-2015-12-05/\(input.rawValue)" }

    package func features(_ levels: Tensor<Float>) throws -> Tensor<Float> {
        guard levels.shape.count == 4, levels.shape[1] == 3, levels.sampleCount > 0 else {
            throw Failure(.data, "\(name) takes pictures of shape [3, H, W], not \(levels.sampleShape)")
        }
        return .joiningChannels(try network.evaluate([input.prepare(levels, pool: pool)]))
    }
}

extension NetworkBuilder {
    fileprivate mutating func inception(_ image: Value) throws -> [Value] {
        let halving = PoolingWindow(size: 3, stride: 2)
        var stem = try normalized([image], "Conv2d_1a_3x3", 32, Window(3, stride: 2, padding: 0))
        stem = try normalized([stem], "Conv2d_2a_3x3", 32, Window(3, padding: 0))
        stem = try normalized([stem], "Conv2d_2b_3x3", 64, Window(3))
        stem = pooling(.maximum, halving, of: stem)
        stem = try normalized([stem], "Conv2d_3b_1x1", 80, Window(1))
        stem = try normalized([stem], "Conv2d_4a_3x3", 192, Window(3, padding: 0))
        var maps = [pooling(.maximum, halving, of: stem)]
        for (name, pooled) in [("5b", 32), ("5c", 64), ("5d", 64)] { maps = try blockA(maps, "Mixed_\(name)", pooled) }
        maps = try blockB(maps, "Mixed_6a")
        for (name, inner) in [("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)] {
            maps = try blockC(maps, "Mixed_\(name)", inner)
        }
        maps = try blockD(maps, "Mixed_7a")
        maps = try blockE(maps, "Mixed_7b", poolsMaximum: false)
        return try blockE(maps, "Mixed_7c", poolsMaximum: true)
    }

    private mutating func blockA(_ maps: [Value], _ name: String, _ pooled: Int) throws -> [Value] {
        let five = try normalized(maps, "\(name).branch5x5_1", 48, Window(1))
        let three = try chain(
            maps, "\(name).branch3x3dbl_", [(64, Window(1)), (96, Window(3)), (96, Window(3))])
        return [
            try normalized(maps, "\(name).branch1x1", 64, Window(1)),
            try normalized([five], "\(name).branch5x5_2", 64, Window(5)), three,
            try poolBranch(maps, "\(name).branch_pool", pooled),
        ]
    }

    private mutating func blockB(_ maps: [Value], _ name: String) throws -> [Value] {
        let halving = Window(3, stride: 2, padding: 0)
        let single = try normalized(maps, "\(name).branch3x3", 384, halving)
        let double = try chain(maps, "\(name).branch3x3dbl_", [(64, Window(1)), (96, Window(3)), (96, halving)])
        return [single, double] + maps.map { pooling(.maximum, PoolingWindow(size: 3, stride: 2), of: $0) }
    }

    private mutating func blockC(_ maps: [Value], _ name: String, _ inner: Int) throws -> [Value] {
        let wide = Window(height: 1, width: 7, paddingHeight: 0, paddingWidth: 3)
        let high = Window(height: 7, width: 1, paddingHeight: 3, paddingWidth: 0)
        return [
            try normalized(maps, "\(name).branch1x1", 192, Window(1)),
            try chain(maps, "\(name).branch7x7_", [(inner, Window(1)), (inner, wide), (192, high)]),
            try chain(
                maps, "\(name).branch7x7dbl_",
                [(inner, Window(1)), (inner, high), (inner, wide), (inner, high), (192, wide)]),
            try poolBranch(maps, "\(name).branch_pool", 192),
        ]
    }

    private mutating func blockD(_ maps: [Value], _ name: String) throws -> [Value] {
        let wide = Window(height: 1, width: 7, paddingHeight: 0, paddingWidth: 3)
        let high = Window(height: 7, width: 1, paddingHeight: 3, paddingWidth: 0)
        let halving = Window(3, stride: 2, padding: 0)
        return [
            try chain(maps, "\(name).branch3x3_", [(192, Window(1)), (320, halving)]),
            try chain(maps, "\(name).branch7x7x3_", [(192, Window(1)), (192, wide), (192, high), (192, halving)]),
        ] + maps.map { pooling(.maximum, PoolingWindow(size: 3, stride: 2), of: $0) }
    }

    private mutating func blockE(_ maps: [Value], _ name: String, poolsMaximum: Bool) throws -> [Value] {
        let wide = Window(height: 1, width: 3, paddingHeight: 0, paddingWidth: 1)
        let high = Window(height: 3, width: 1, paddingHeight: 1, paddingWidth: 0)
        let single = try normalized(maps, "\(name).branch3x3_1", 384, Window(1))
        let double = try chain(maps, "\(name).branch3x3dbl_", [(448, Window(1)), (384, Window(3))])
        let branches = [
            try normalized(maps, "\(name).branch1x1", 320, Window(1)),
            try normalized([single], "\(name).branch3x3_2a", 384, wide),
            try normalized([single], "\(name).branch3x3_2b", 384, high),
            try normalized([double], "\(name).branch3x3dbl_3a", 384, wide),
            try normalized([double], "\(name).branch3x3dbl_3b", 384, high),
        ]
        guard poolsMaximum else { return branches + [try poolBranch(maps, "\(name).branch_pool", 192)] }
        let pooled = maps.map { pooling(.maximum, PoolingWindow(size: 3, stride: 1, padding: 1), of: $0) }
        return branches + [try normalized(pooled, "\(name).branch_pool", 192, Window(1))]
    }

    /// Adds the mean over 3x3 squares and a 1x1 convolution. The two commute, so the convolution comes first and the
    /// narrower map is pooled.
    private mutating func poolBranch(_ maps: [Value], _ name: String, _ channels: Int) throws -> Value {
        let product = try normalized(maps, name, channels, Window(1), rectifies: false)
        return pooling(
            .mean(countsPadding: false), PoolingWindow(size: 3, stride: 1, padding: 1), of: product, rectifies: true)
    }

    /// Adds the layers `prefix1`, `prefix2`, ... one after another.
    private mutating func chain(_ maps: [Value], _ prefix: String, _ layers: [(Int, Window)]) throws -> Value {
        var current = maps
        for (index, (channels, window)) in layers.enumerated() {
            current = [try normalized(current, "\(prefix)\(index + 1)", channels, window)]
        }
        return current[0]
    }

    /// Adds the convolution `name.conv`, the batch norm `name.bn` and ReLU as one convolution.
    private mutating func normalized(
        _ maps: [Value], _ name: String, _ channels: Int, _ window: Window, rectifies: Bool = true
    ) throws -> Value {
        let weight = try kernelWeights("\(name).conv.weight", for: Sources(maps), channels: channels, window)
        let norm = try BatchNorm("\(name).bn", channels: channels, &self)
        return convolution(
            Sources(maps), segments: [channels], window: window, weight: norm.scaling(weight), bias: norm.bias,
            options: .init(rectifies: rectifies))
    }
}

/// The batch norm y = (x - mean) gamma / sqrt(variance + 0.001) + beta as a factor and an addend for each channel.
private struct BatchNorm {
    private let name: String
    private let mean: Parameter
    private let variance: Parameter
    private let gamma: Parameter
    private let beta: Parameter

    init(_ name: String, channels: Int, _ builder: inout NetworkBuilder) throws {
        self.name = name
        mean = try builder.parameter("\(name).running_mean", [channels])
        variance = try builder.parameter("\(name).running_var", [channels])
        gamma = try builder.parameter("\(name).weight", [channels])
        beta = try builder.parameter("\(name).bias", [channels])
    }

    /// Returns `weight` [channels, ...] with every row times its channel's factor.
    func scaling(_ weight: Parameter) -> Parameter {
        let (norm, size) = (self, weight.count / mean.count)
        return Parameter(name: weight.name, shape: weight.shape) {
            let factors = try norm.factors()
            return try weight.load().enumerated().map { Float(Double($0.element) * factors[$0.offset / size]) }
        }
    }

    var bias: Parameter {
        let norm = self
        return Parameter(name: "\(name).bias", shape: mean.shape) {
            let (factors, mean, beta) = (try norm.factors(), try norm.mean.load(), try norm.beta.load())
            return factors.indices.map { Float(Double(beta[$0]) - Double(mean[$0]) * factors[$0]) }
        }
    }

    private func factors() throws -> [Double] {
        zip(try gamma.load(), try variance.load()).map { Double($0) / (Double($1) + 0.001).squareRoot() }
    }
}
