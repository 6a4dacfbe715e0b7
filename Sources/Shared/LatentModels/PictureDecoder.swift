import Diagnostics
import Diffusion
import Engine
import Networks
import Tensors

/// The decoder of a latent diffusion model's autoencoder: latents [B, C, h, w] to pictures [B, 3, f h, f w].
struct PictureDecoder: Decoder {
    private let files: LatentModelFiles
    private let architecture: AutoencoderArchitecture
    private let pool: ThreadPool
    private let precision: ProductPrecision
    private let network: Deferred<LatentDecoder>
    let latentShape: [Int]

    var imageShape: [Int] { [architecture.imageChannels] + latentShape[1...].map { $0 * architecture.factor } }

    /// Returns nil if the files hold no decoder.
    ///
    /// - Parameter latentShape: [C, h, w].
    init?(_ files: LatentModelFiles, latentShape: [Int], pool: ThreadPool, precision: ProductPrecision) {
        guard let architecture = files.configuration.decoder else { return nil }
        self.files = files
        self.architecture = architecture
        self.latentShape = latentShape
        self.pool = pool
        self.precision = precision
        network = Deferred(in: files.places) {
            try LatentDecoder(
                weights: files.weights, prefix: LatentModelFiles.decoderPrefix, architecture: architecture,
                scaleFactor: files.configuration.scaleFactor, height: latentShape[1], width: latentShape[2], pool: pool,
                precision: precision)
        }
    }

    func decode(_ latents: Tensor<Float>) throws -> Tensor<Float> { try network.value().decode(latents) }

    func linearize(_ latents: Tensor<Float>) throws -> Decoding<Float> {
        let (images, pullback) = try network.value().linearize(latents)
        return Decoding(images: images, pullback: pullback)
    }

    func resized(to shape: [Int]) -> (any Decoder<Float>)? {
        guard shape.count == 3, shape[0] == latentShape[0] else { return nil }
        return PictureDecoder(files, latentShape: shape, pool: pool, precision: precision)
    }
}
