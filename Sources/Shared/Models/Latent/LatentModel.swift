import Diagnostics
import Diffusion
import Tensors

/// A latent diffusion model, opened: what `ModelCatalogue` makes a model of. Each network is made when it is first used.
struct LatentModel {
    let denoiser: any Denoiser<Float>
    let process: NoiseProcess
    let decoder: any Decoder<Float>
    /// Nil if the network is told nothing.
    let encoder: ContextEncoder?

    var conditionInputs: ConditionInputs {
        guard let encoder else { return ConditionInputs() }
        let shape = encoder.contextShape
        return ConditionInputs(
            alternatives: [
                ContextEncoder.tensorName: shape, ContextEncoder.tensorName + Condition.nullSuffix: shape,
            ], takesPrompts: encoder.readsPrompts)
    }

    /// - Parameter process: the process under which the user wants the model; nil for its own. A flow may have a shift.
    ///
    /// Throws `usage` if it is another one than the model's own, `data` if the weights are incomplete.
    init(_ files: LatentModelFiles, process asked: NoiseProcess?, engine: EngineSettings) throws {
        let pool = engine.makePool()
        let (own, shape) = (files.configuration.process, files.configuration.latentShape)
        encoder = try ContextEncoder(files, pool: pool)
        decoder =
            PictureDecoder(files, latentShape: shape, pool: pool, precision: engine.precision)
            ?? AbsentDecoder(latentShape: shape, because: .missing)
        process = asked ?? own
        let network = LatentDenoiser(
            files, encoder: encoder, sampleShape: shape, pool: pool, precision: engine.precision)
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
