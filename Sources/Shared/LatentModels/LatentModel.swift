import Diagnostics
import Diffusion
import Engine
import Tensors

/// A latent diffusion model, opened. Each network is made when it is first used.
package struct LatentModel {
    package let denoiser: any Denoiser<Float>
    package let process: NoiseProcess
    package let decoder: any Decoder<Float>
    private let contextEncoder: ContextEncoder?

    /// Nil if the network is told nothing.
    package var encoder: (any ConditionEncoder)? { contextEncoder }
    package var readsPrompts: Bool { contextEncoder?.readsPrompts ?? false }

    /// The shapes of the tensors, without the batch, that may stand in the place of prompts or classes, by their names.
    package var contextShapes: [String: [Int]] {
        guard let shape = contextEncoder?.contextShape else { return [:] }
        return [ContextEncoder.tensorName: shape, ContextEncoder.tensorName + Condition.nullSuffix: shape]
    }

    /// - Parameters:
    ///   - process: the process under which the user wants the model; nil for its own. A flow may have a shift.
    ///   - precision: the numbers that the networks multiply.
    ///
    /// Throws `usage` if it is another process than the model's own, `data` if the weights are incomplete.
    package init(
        _ files: LatentModelFiles, process asked: NoiseProcess?, pool: ThreadPool, precision: ProductPrecision
    ) throws {
        let (own, shape) = (files.configuration.process, files.configuration.latentShape)
        contextEncoder = try ContextEncoder(files, pool: pool)
        decoder =
            PictureDecoder(files, latentShape: shape, pool: pool, precision: precision)
            ?? AbsentDecoder(latentShape: shape, because: .missing)
        process = asked ?? own
        let network = LatentDenoiser(
            files, encoder: contextEncoder, sampleShape: shape, pool: pool, precision: precision)
        if process == own {
            denoiser = network
        } else if process.unshifted == own {
            denoiser = Unshifted(network, under: process)
        } else {
            throw Failure(
                .usage, place: "process", "the model's own process is \(own.spelling), not \(process.spelling)")
        }
    }
}
