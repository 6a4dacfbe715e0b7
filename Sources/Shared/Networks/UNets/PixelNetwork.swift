import Engine
import Tensors

/// A raw network F(x; c_noise) of a diffusion model, before preconditioning (METHODS section M2.2).
///
/// x is [B, C, H, W]; `noise` holds c_noise for each image; `labels` is [B, label dimension], nil for zeros (no class).
/// An image's result depends on that image alone, bit for bit.
package protocol PixelNetwork: Sendable {
    var configuration: NetworkConfiguration { get }

    /// [B, output channels, H, W]
    func evaluate(_ x: Tensor<Float>, noise: [Float], labels: Tensor<Float>?) throws -> Tensor<Float>

    /// The same value with the means to pull a cotangent back.
    func linearize(_ x: Tensor<Float>, noise: [Float], labels: Tensor<Float>?) throws -> NetworkLinearization
}

/// F(x; c_noise) and the transpose of its derivative there.
package struct NetworkLinearization {
    package let value: Tensor<Float>
    /// Cotangent of the value -> cotangents of x, of its shape, and of c_noise, [B]. Holds the activations' memory: drop
    /// it when done.
    package let pullback: (Tensor<Float>) throws -> (x: Tensor<Float>, noise: [Float])

    package init(
        value: Tensor<Float>, pullback: @escaping (Tensor<Float>) throws -> (x: Tensor<Float>, noise: [Float])
    ) {
        self.value = value
        self.pullback = pullback
    }
}

/// A network built as a graph with the inputs x, c_noise and, for a class-conditional one, labels.
package struct GraphNetwork: PixelNetwork {
    package let configuration: NetworkConfiguration
    /// Multiply-adds of one image.
    package let multiplications: Int
    private let compiled: CompiledNetwork

    /// What a builder of a U-Net leaves behind.
    struct Parts {
        var graph: Graph
        var x: Value
        var noise: Value
        var labels: Value?
        var output: Value
    }

    init(_ parts: Parts, configuration: NetworkConfiguration, pool: ThreadPool) {
        self.configuration = configuration
        multiplications = parts.graph.multiplications
        compiled = CompiledNetwork(
            parts.graph, inputs: [parts.x, parts.noise] + [parts.labels].compactMap { $0 }, outputs: [parts.output],
            differentiable: [parts.x, parts.noise], pool: pool)
    }

    package func evaluate(_ x: Tensor<Float>, noise: [Float], labels: Tensor<Float>?) throws -> Tensor<Float> {
        try compiled.evaluate(inputs(x, noise, labels))[0]
    }

    package func linearize(_ x: Tensor<Float>, noise: [Float], labels: Tensor<Float>?) throws -> NetworkLinearization {
        let (values, pullback) = try compiled.linearize(inputs(x, noise, labels))
        return NetworkLinearization(value: values[0]) { cotangent in
            let cotangents = try pullback([cotangent])
            return (cotangents[0], cotangents[1].elements)
        }
    }

    private func inputs(_ x: Tensor<Float>, _ noise: [Float], _ labels: Tensor<Float>?) -> [Tensor<Float>] {
        var tensors = [x, Tensor(shape: [noise.count, 1], elements: noise)]
        if configuration.labelDimension > 0 {
            tensors.append(labels ?? Tensor(shape: [x.batch, configuration.labelDimension]))
        }
        return tensors
    }
}
