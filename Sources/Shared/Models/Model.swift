import Diffusion
import Engine
import Foreign
import LatentModels
import TensorStream
import Tensors

/// A diffusion model as the programs use it: its denoiser, and what stands before and behind it.
package struct Model: Sendable {
    package let identity: ModelIdentity
    package let process: NoiseProcess
    /// The weight of classifier-free guidance, which `denoiser` applies already; 1 is none.
    package let guidance: Double
    /// D(x; t) in the process' own states and times.
    package let denoiser: any Denoiser<Float>
    /// The sampler in another process that stands in the place of a denoiser and a solver; nil for a denoiser.
    package let stepper: ForeignStepper?
    /// Turns solutions into pictures; it changes nothing for a model whose states are pictures.
    package let decoder: any Decoder<Float>
    /// Makes what the network reads from prompts, classes or seeds; nil if it reads what the stream has.
    package let conditionEncoder: (any ConditionEncoder)?
    package let conditionInputs: ConditionInputs
    /// Samples that are solved at once if the user does not say: enough to keep the cores busy, few enough to stream.
    package let defaultBatch: Int
    /// The set of weights that is used; nil if the file holds one, or if no variant of a folder was asked for.
    package let weightSet: WeightSet?
    /// The networks that the user gives in files of their own, with the paths and digests of these.
    package let parts: [ModelPart: ModelIdentity]
    /// The numbers that the model's networks multiply.
    package let precision: ProductPrecision
    /// Notes for the user about the choice of the model's weights, one sentence each.
    package let remarks: [String]

    package var name: String { identity.name }
    package var sha256: String? { identity.sha256 }
    /// The shape of a noise.
    package var sampleShape: [Int] { denoiser.sampleShape }
    /// The shape of the teacher's solution, which pairs carry as `target`.
    package var targetShape: [Int] { decoder.latentShape }
    /// Whether solutions are latents, which a decoder turns into pictures.
    package var isLatent: Bool { !(decoder is IdentityDecoder<Float>) }
    /// Whether pictures can be had of solutions.
    package var makesPictures: Bool { !(decoder is AbsentDecoder<Float>) }
    package var labelCount: Int { denoiser.labelCount }

    /// The keys by which noise tells for which model it is.
    package var identityMetadata: [String: String] {
        var keys = [Key.model: name]
        keys[Key.modelDigest] = sha256
        keys[Key.architectureDigest] = identity.architectureSHA256
        for (part, file) in parts {
            keys[part.key] = file.name
            keys[part.digestKey] = file.sha256
        }
        return keys
    }

    /// The keys that pairs, schedules and samples carry.
    package var metadata: [String: String] {
        var keys = identityMetadata
        keys[Key.process] = process.spelling
        keys[Key.weights] = weightSet?.rawValue
        if guidance != 1 { keys[Key.guidance] = "\(guidance)" }
        if precision != .float32 { keys[Key.precision] = precision.rawValue }
        return keys
    }
}
