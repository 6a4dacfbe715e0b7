import Diagnostics
import Formats

/// The architecture of an EDM-family network: the constructor arguments of EDM's classes under readable names.
///
/// Read from the JSON that model files carry: `precond`, `sigma_min`, `sigma_max` and `init_kwargs`. Unknown keys are
/// ignored, missing ones have the defaults of their class, which differ between SongUNet, DhariwalUNet and UNetModel.
package struct NetworkConfiguration: Sendable, Equatable {
    package enum Architecture: String, Sendable, CaseIterable {
        case songUNet = "SongUNet"
        case dhariwalUNet = "DhariwalUNet"
        /// guided-diffusion's own class, which improved DDPM and ADM checkpoints are saved from.
        case guidedUNet = "UNetModel"
    }

    /// EDM's preconditioning class: EDMPrecond, VPPrecond, VEPrecond or iDDPMPrecond.
    package var preconditioning = "EDMPrecond"
    /// The model's name where its file tells one.
    package var name: String?
    /// The range of noise levels that the preconditioner claims; infinity is possible.
    package var sigmaMin = 0.0
    package var sigmaMax = Double.infinity

    package var architecture = Architecture.songUNet
    package var imageResolution: Int
    /// Channels of the image; an iDDPM network gives twice as many.
    package var imageChannels: Int
    package var labelDimension = 0
    package var augmentDimension = 0
    package var modelChannels = 128
    package var channelMultipliers = [1, 2, 2, 2]
    package var embeddingMultiplier = 4
    package var blocks = 4
    package var attentionResolutions = [16]
    // SongUNet only.
    package var embedding = "positional"
    package var noiseMultiplier = 1
    package var encoder = "standard"
    package var decoder = "standard"
    package var resampleFilter: [Double] = [1, 1]
    // UNetModel only.
    package var guided = GuidedOptions()

    package init(imageResolution: Int, imageChannels: Int) {
        self.imageResolution = imageResolution
        self.imageChannels = imageChannels
    }

    /// Channels of the network's output: iDDPM networks also give variances, which nobody reads.
    package var outputChannels: Int {
        if architecture == .guidedUNet { return guided.outputChannels }
        return preconditioning == "iDDPMPrecond" ? 2 * imageChannels : imageChannels
    }
}

/// What guided-diffusion's UNetModel can be told beside sizes.
package struct GuidedOptions: Sendable, Equatable {
    /// Twice the image's where the network also gives variances.
    package var outputChannels = 3
    /// Heads of an attention layer, unless `headChannels` fixes the channels of each.
    package var heads = 1
    package var headChannels: Int?
    /// The embedding scales and shifts the second norm's output, instead of being added before it.
    package var scalesAndShifts = false
    /// Residual blocks shrink and enlarge the maps, instead of plain layers.
    package var resamplesInBlocks = false
    /// The plain layers convolve.
    package var convolvesResampled = true
    /// Queries, keys and values are cut before the heads ("new attention order").
    package var splitsBeforeHeads = false

    package init() {}

    package func heads(_ channels: Int) -> Int { headChannels.map { channels / $0 } ?? heads }
}
