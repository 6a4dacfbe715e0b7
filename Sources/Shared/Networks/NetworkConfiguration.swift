import Diagnostics
import Formats

/// The architecture of a network of EDM's or guided-diffusion's classes: their constructor arguments under readable
/// names.
///
/// It is read from the JSON that model files carry: `precond`, `sigma_min`, `sigma_max` and `init_kwargs`. Unknown keys
/// are ignored. A missing key has the default of its class; SongUNet, DhariwalUNet and UNetModel have different ones.
package struct NetworkConfiguration: Sendable, Equatable {
    package enum Architecture: String, Sendable, CaseIterable {
        case songUNet = "SongUNet"
        case dhariwalUNet = "DhariwalUNet"
        /// guided-diffusion's own class. The checkpoints of improved DDPM and ADM are saved from it.
        case guidedUNet = "UNetModel"
    }

    /// EDM's preconditioning class: EDMPrecond, VPPrecond, VEPrecond or iDDPMPrecond.
    package var preconditioning = "EDMPrecond"
    /// The model's name; nil if the file does not tell it.
    package var name: String?
    /// The range of noise levels for which the preconditioner is made; the upper end may be infinity.
    package var sigmaMin = 0.0
    package var sigmaMax = Double.infinity

    package var architecture = Architecture.songUNet
    /// The height of an image, and the width of a square one.
    package var imageResolution: Int
    /// The width of an image that is not square; nil for a square one.
    package var imageWidth: Int?
    /// The image's channels. An iDDPM network has twice as many output channels.
    package var imageChannels: Int
    package var labelDimension = 0
    package var augmentDimension = 0
    package var modelChannels = 128
    package var channelMultipliers = [1, 2, 2, 2]
    package var embeddingMultiplier = 4
    package var blocks = 4
    package var attentionResolutions = [16]
    // Only SongUNet reads the next five.
    package var embedding = "positional"
    package var noiseMultiplier = 1
    package var encoder = "standard"
    package var decoder = "standard"
    package var resampleFilter: [Double] = [1, 1]
    // Only UNetModel reads these.
    package var guided = GuidedOptions()

    package init(imageResolution: Int, imageChannels: Int) {
        self.init(imageSize: [imageResolution, imageResolution], imageChannels: imageChannels)
    }

    /// - Parameter imageSize: [height, width].
    init(imageSize: [Int], imageChannels: Int) {
        imageResolution = imageSize[0]
        imageWidth = imageSize[1] == imageSize[0] ? nil : imageSize[1]
        self.imageChannels = imageChannels
    }

    /// [height, width]
    package var imageSize: [Int] { [imageResolution, imageWidth ?? imageResolution] }

    /// The channels of the network's output. iDDPM networks also give variances, which nobody reads.
    package var outputChannels: Int {
        if architecture == .guidedUNet { return guided.outputChannels }
        return preconditioning == "iDDPMPrecond" ? 2 * imageChannels : imageChannels
    }
}

/// The options of UNetModel, of guided-diffusion and of latent diffusion, beside sizes.
package struct GuidedOptions: Sendable, Equatable {
    /// The channels of the output: twice the image's if the network also gives variances.
    package var outputChannels = 3
    /// The number of heads of an attention layer, unless `headChannels` fixes the channels of each head.
    package var heads = 1
    package var headChannels: Int?
    /// Whether the embedding scales and shifts the output of the second norm; else it is added before the norm.
    package var scalesAndShifts = false
    /// Whether residual blocks resample the maps; else plain layers do.
    package var resamplesInBlocks = false
    /// Whether the plain resampling layers convolve.
    package var convolvesResampled = true
    /// Whether queries, keys and values are cut before the heads ("new attention order").
    package var splitsBeforeHeads = false
    /// The groups of every group norm.
    package var groups = 32
    /// The width of the tokens that the transformers of a latent diffusion network read; nil if it has plain attention.
    package var contextWidth: Int?

    package init() {}

    package func heads(_ channels: Int) -> Int { headChannels.map { channels / $0 } ?? heads }
}
