import Diagnostics
import Engine
import Formats
import Tensors

/// The decoder of an autoencoder: latents [B, C, h, w] to pictures [B, 3, f h, f w] with values about [-1, 1], not
/// clamped.
///
/// Latents are divided by the scale factor first. If the autoencoder has codes, each pixel of the latent is replaced by
/// the nearest code, and the pullback treats this as the identity (van den Oord et al. 2017).
package struct LatentDecoder: Sendable {
    package let architecture: AutoencoderArchitecture
    /// [C, h, w]
    package let latentShape: [Int]
    /// [3, f h, f w]
    package let imageShape: [Int]
    /// The number of multiply-adds for one latent.
    package let multiplications: Int
    /// The names and the shapes of all tensors that the decoder needs.
    package let tensors: [(name: String, shape: [Int])]
    private let inverseScale: Double
    private let network: CompiledNetwork
    private let pullsOneByOne: Bool

    /// - Parameters:
    ///   - weights: nil to learn which tensors the decoder needs.
    ///   - prefix: the text before the tensors' names.
    ///   - scaleFactor: what latents were multiplied by for diffusion.
    ///   - height, width: the size of latents.
    ///   - pullsOneByOne: whether a pullback of several latents takes them one by one, as `linearize` tells; nil leaves
    ///     it to the decoder's size.
    /// - Throws: `data` if the weights do not fit the architecture, or have more tensors of a decoder.
    package init(
        weights: (any WeightSource)?, prefix: String, architecture: AutoencoderArchitecture, scaleFactor: Double,
        height: Int, width: Int, pullsOneByOne: Bool? = nil, pool: ThreadPool, precision: ProductPrecision = .float32
    ) throws {
        guard height > 0, width > 0, scaleFactor.isFinite, scaleFactor != 0 else {
            throw Failure(.data, "latents of \(height)x\(width) pixels scaled by \(scaleFactor) cannot be decoded")
        }
        var builder = AutoencoderBuilder(
            architecture, NetworkBuilder(weights: weights, prefix: prefix, requiresBiases: true))
        let input = builder.builder.input(
            MapShape(height: height, width: width, channels: architecture.latentChannels))
        let output = try builder.build(input)
        let graph = try builder.builder.graph.multiplying(in: precision)
        try builder.builder.refuseOthers(roots: ["decoder.", "post_quant_conv.", "quantize.embedding."])
        let isLarge = CompiledNetwork.imagesTogether(graph) != nil
        network = CompiledNetwork(
            graph, inputs: [input], outputs: [output], differentiable: [input], pool: pool,
            imagesTogether: isLarge ? 1 : nil)
        self.pullsOneByOne = pullsOneByOne ?? isLarge
        self.architecture = architecture
        latentShape = [architecture.latentChannels, height, width]
        imageShape = [architecture.imageChannels, height * architecture.factor, width * architecture.factor]
        multiplications = graph.multiplications
        tensors = builder.builder.requested
        inverseScale = 1 / scaleFactor
    }

    package func decode(_ latents: Tensor<Float>) throws -> Tensor<Float> {
        try network.evaluate([latents.scaled(by: inverseScale)])[0]
    }

    /// Returns the pictures, and a closure that pulls a cotangent of the pictures back to the latents.
    ///
    /// The maps of a single latent are kept for the closure. Those of several latents of a large decoder would take too
    /// much memory: the closure computes the maps of one latent after another again.
    package func linearize(
        _ latents: Tensor<Float>
    ) throws -> (images: Tensor<Float>, pullback: (Tensor<Float>) throws -> Tensor<Float>) {
        let latents = latents.scaled(by: inverseScale)
        guard pullsOneByOne, latents.batch > 1 else {
            let (values, pullback) = try network.linearize([latents])
            return (values[0], { try pullback([$0])[0].scaled(by: inverseScale) })
        }
        return (
            try network.evaluate([latents])[0],
            { cotangent in
                let pulled = try (0..<latents.batch).map { index in
                    let (_, pullback) = try network.linearize([latents.samples(index..<index + 1)])
                    return try pullback([cotangent.samples(index..<index + 1)])[0]
                }
                return Tensor.concatenate(pulled).scaled(by: inverseScale)
            }
        )
    }
}
