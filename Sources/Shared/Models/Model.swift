import Diffusion
import TensorStream
import Tensors

/// A denoiser with what the stream says about it.
package struct Model: Sendable {
    /// As --model spells it.
    package let name: String
    /// The digest of its file (DESIGN section 3); nil for a model that is no file.
    package let sha256: String?
    package let process: NoiseProcess
    /// Classifier-free guidance weight, already applied in `denoiser`; 1 is none.
    package let guidance: Double
    /// D(x; t) in the process' own states and times.
    package let denoiser: any Denoiser<Float>
    /// Samples that are solved at once where the user does not say: enough to keep the cores busy, few enough to stream.
    package let defaultBatch: Int

    package var sampleShape: [Int] { denoiser.sampleShape }
    package var labelCount: Int { denoiser.labelCount }

    /// The keys that pairs, schedules and samples carry.
    package var metadata: [String: String] {
        var keys = [Key.model: name, Key.process: process.spelling]
        keys[Key.modelDigest] = sha256
        if guidance != 1 { keys[Key.guidance] = "\(guidance)" }
        return keys
    }
}
