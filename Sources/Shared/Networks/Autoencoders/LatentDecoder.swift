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
    /// The decoder in one piece, or level by level.
    private let pieces: [CompiledNetwork]

    /// - Parameters:
    ///   - weights: nil to learn which tensors the decoder needs.
    ///   - prefix: the text before the tensors' names.
    ///   - scaleFactor: what latents were multiplied by for diffusion.
    ///   - height, width: the size of latents.
    ///   - levelByLevel: whether a pullback keeps the maps between levels only, and computes a level's own maps again as
    ///     `linearize` tells; nil leaves it to the decoder's size.
    /// - Throws: `data` if the weights do not fit the architecture, or have more tensors of a decoder.
    package init(
        weights: (any WeightSource)?, prefix: String, architecture: AutoencoderArchitecture, scaleFactor: Double,
        height: Int, width: Int, levelByLevel: Bool? = nil, pool: ThreadPool, precision: ProductPrecision = .float32
    ) throws {
        guard height > 0, width > 0, scaleFactor.isFinite, scaleFactor != 0 else {
            throw Failure(.data, "latents of \(height)x\(width) pixels scaled by \(scaleFactor) cannot be decoded")
        }
        var network = AutoencoderBuilder(
            architecture, NetworkBuilder(weights: weights, prefix: prefix, requiresBiases: true))
        let latents = network.builder.input(
            MapShape(height: height, width: width, channels: architecture.latentChannels))
        let output = try network.build(latents)
        let graph = try network.builder.graph.multiplying(in: precision)
        try network.builder.refuseOthers(roots: ["decoder.", "post_quant_conv.", "quantize.embedding."])
        let isLarge = CompiledNetwork.imagesTogether(graph) != nil
        let starts = levelByLevel ?? isLarge ? network.levelStarts : []
        let parts = graph.pieces(at: starts, inputs: [latents])
        let memory = MemoryBlocks()
        pieces = parts.indices.map { index in
            let outputs = index + 1 < parts.count ? parts[index + 1].inputs : [output]
            return CompiledNetwork(
                parts[index].graph, inputs: parts[index].inputs, outputs: outputs,
                differentiable: parts[index].inputs, pool: pool, imagesTogether: isLarge ? 1 : nil,
                memory: memory)
        }
        self.architecture = architecture
        latentShape = [architecture.latentChannels, height, width]
        imageShape = [architecture.imageChannels, height * architecture.factor, width * architecture.factor]
        multiplications = graph.multiplications
        tensors = network.builder.requested
        inverseScale = 1 / scaleFactor
    }

    package func decode(_ latents: Tensor<Float>) throws -> Tensor<Float> {
        try pieces.reduce(latents.scaled(by: inverseScale)) { try $1.evaluate([$0])[0] }
    }

    /// Returns the pictures, and a closure that pulls a cotangent of the pictures back to the latents.
    ///
    /// Level by level, the closure computes the maps of a level again. The maps of a single latent's last level are kept
    /// for its first call instead.
    package func linearize(
        _ latents: Tensor<Float>
    ) throws -> (images: Tensor<Float>, pullback: (Tensor<Float>) throws -> Tensor<Float>) {
        var maps = [latents.scaled(by: inverseScale)]
        for piece in pieces.dropLast() { maps.append(try piece.evaluate([maps[maps.count - 1]])[0]) }
        let last = pieces[pieces.count - 1], lastMap = maps[maps.count - 1]
        let keepsLast = pieces.count == 1 || latents.batch == 1
        var kept = keepsLast ? try last.linearize([lastMap]) : nil
        let images = try kept?.values[0] ?? last.evaluate([lastMap])[0]
        return (
            images,
            { [self] cotangent in
                var pulled = cotangent
                for (index, map) in maps.enumerated().reversed() {
                    let linearization = try kept ?? pieces[index].linearize([map])
                    if pieces.count > 1 { kept = nil }
                    pulled = try linearization.pullback([pulled])[0]
                }
                return pulled.scaled(by: inverseScale)
            }
        )
    }
}
