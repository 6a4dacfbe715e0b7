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
        var autoencoder = AutoencoderBuilder(
            architecture, NetworkBuilder(weights: weights, prefix: prefix, requiresBiases: true))
        let input = autoencoder.builder.input(
            MapShape(height: height, width: width, channels: architecture.latentChannels))
        let output = try autoencoder.build(input)
        let graph = try autoencoder.builder.graph.multiplying(in: precision)
        try autoencoder.builder.refuseOthers(roots: ["decoder.", "post_quant_conv.", "quantize.embedding."])
        let isLarge = CompiledNetwork.imagesTogether(graph) != nil
        network = CompiledNetwork(
            graph, inputs: [input], outputs: [output], differentiable: [input], pool: pool,
            imagesTogether: isLarge ? 1 : nil)
        self.pullsOneByOne = pullsOneByOne ?? isLarge
        self.architecture = architecture
        latentShape = [architecture.latentChannels, height, width]
        imageShape = [architecture.imageChannels, height * architecture.factor, width * architecture.factor]
        multiplications = graph.multiplications
        tensors = autoencoder.builder.requested
        inverseScale = 1 / scaleFactor
    }

    package func decode(_ latents: Tensor<Float>) throws -> Tensor<Float> {
        try network.evaluate([latents.scaled(by: inverseScale)])[0]
    }

    /// Returns the pictures of latents [B, C, h, w], and a closure that pulls a cotangent of the pictures, of their
    /// shape, back to the latents.
    ///
    /// A small decoder keeps the maps of all latents for the closure, and a large one those of a single latent. If there
    /// are several, their maps would take too much memory, so the closure computes them again, one latent at a time.
    ///
    /// - Throws: `data` if latents or cotangent have the wrong shape.
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
                guard cotangent.batch == latents.batch else {
                    throw Failure(
                        .data, "a cotangent of \(cotangent.batch) samples came for a batch of \(latents.batch)")
                }
                let pulled = try (0..<latents.batch).map { index in
                    let (_, pullback) = try network.linearize([latents.samples(index..<index + 1)])
                    return try pullback([cotangent.samples(index..<index + 1)])[0]
                }
                return Tensor.concatenate(pulled).scaled(by: inverseScale)
            }
        )
    }
}
