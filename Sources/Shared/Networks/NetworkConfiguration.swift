import Diagnostics
import Formats

/// The architecture of an EDM-family network: the constructor arguments of EDM's classes under readable names.
///
/// Read from the JSON that model files carry: `precond`, `sigma_min`, `sigma_max` and `init_kwargs`. Unknown keys are
/// ignored, missing ones have EDM's defaults, which differ between SongUNet and DhariwalUNet.
package struct NetworkConfiguration: Sendable, Equatable {
    package enum Architecture: String, Sendable {
        case songUNet = "SongUNet"
        case dhariwalUNet = "DhariwalUNet"
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

    package init(imageResolution: Int, imageChannels: Int) {
        self.imageResolution = imageResolution
        self.imageChannels = imageChannels
    }

    /// Channels of the network's output: iDDPM networks also give variances, which nobody reads.
    package var outputChannels: Int { preconditioning == "iDDPMPrecond" ? 2 * imageChannels : imageChannels }
}
