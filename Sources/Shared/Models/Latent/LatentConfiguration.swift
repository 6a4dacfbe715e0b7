import Diffusion
import Networks

/// A latent diffusion model (Rombach et al. 2022) without its weights: its three networks, and how they fit together.
package struct LatentConfiguration: Sendable, Equatable {
    /// The part that turns a prompt or a class into the context which the U-Net reads.
    package enum ConditionNetwork: Sendable, Equatable {
        case none
        /// One token for each class; the last row of the table stands for no class.
        case classes
        case text(TextEncoderArchitecture)
    }

    /// The model's name; nil if the file does not tell it.
    package var name: String?
    /// The U-Net.
    package var network: NetworkConfiguration
    package var decoder: AutoencoderArchitecture
    /// The number that latents were multiplied by for diffusion.
    package var scaleFactor: Double
    package var condition: ConditionNetwork
    package var process: NoiseProcess
    /// The quantity that the U-Net predicts.
    package var prediction: Prediction
    /// The height and width of a latent that the model was trained on.
    package var latentSize: Int

    /// The text encoder; nil if the model takes no prompts.
    package var text: TextEncoderArchitecture? {
        if case .text(let text) = condition { text } else { nil }
    }

    /// [C, h, w]
    package var latentShape: [Int] { [network.imageChannels, latentSize, latentSize] }

    package init(
        name: String? = nil, network: NetworkConfiguration, decoder: AutoencoderArchitecture, scaleFactor: Double,
        condition: ConditionNetwork, process: NoiseProcess, prediction: Prediction, latentSize: Int
    ) {
        self.name = name
        self.network = network
        self.decoder = decoder
        self.scaleFactor = scaleFactor
        self.condition = condition
        self.process = process
        self.prediction = prediction
        self.latentSize = latentSize
    }
}
