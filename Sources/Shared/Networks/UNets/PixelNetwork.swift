import Engine
import Tensors

/// The raw network F(x; c_noise) of a diffusion model, without preconditioning (Karras et al. 2022, Table 1;
/// docs/methods/processes.md, "Preconditioning").
///
/// x is [B, C, H, W]. `noise` holds c_noise for each image. `labels` is [B, label dimension]; nil stands for zeros (no
/// class). The result for an image depends on that image alone, bit for bit.
package protocol PixelNetwork: Sendable {
    var configuration: NetworkConfiguration { get }

    /// Returns F, [B, output channels, H, W].
    func evaluate(_ x: Tensor<Float>, noise: [Float], labels: Tensor<Float>?) throws -> Tensor<Float>

    /// Returns the same value and a closure that pulls a cotangent back.
    func linearize(_ x: Tensor<Float>, noise: [Float], labels: Tensor<Float>?) throws -> NetworkLinearization
}

/// The value of F at a point, and the transpose of its derivative there.
package struct NetworkLinearization {
    package let value: Tensor<Float>
    /// Takes a cotangent of the value; returns the cotangents of x, in its shape, and of c_noise, [B]. The closure
    /// holds the memory of all activations: drop it when it is no longer needed.
    package let pullback: (Tensor<Float>) throws -> (x: Tensor<Float>, noise: [Float])

    package init(
        value: Tensor<Float>, pullback: @escaping (Tensor<Float>) throws -> (x: Tensor<Float>, noise: [Float])
    ) {
        self.value = value
        self.pullback = pullback
    }
}

/// A network that was built as a graph. Its inputs are x, c_noise and, if it has classes, labels.
package struct GraphNetwork: PixelNetwork {
    package let configuration: NetworkConfiguration
    /// The number of multiply-adds for one image.
    package let multiplications: Int
    private let compiled: CompiledNetwork

    /// The result of building a U-Net: its graph with the inputs and the output.
    struct Parts {
        var graph: Graph
        var x: Value
        var noise: Value
        var labels: Value?
        var output: Value
    }

    /// Throws `usage` if the processor cannot multiply numbers of this precision.
    init(_ parts: Parts, configuration: NetworkConfiguration, pool: ThreadPool, precision: ProductPrecision) throws {
        self.configuration = configuration
        multiplications = parts.graph.multiplications
        compiled = CompiledNetwork(
            try parts.graph.multiplying(in: precision),
            inputs: [parts.x, parts.noise] + [parts.labels].compactMap { $0 }, outputs: [parts.output],
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
