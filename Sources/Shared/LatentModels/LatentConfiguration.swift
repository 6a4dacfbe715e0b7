import Diagnostics
import Diffusion
import Formats
import Networks

/// A latent diffusion model (Rombach et al. 2022) without its weights: its three networks, and how they fit together.
package struct LatentConfiguration: Sendable, Equatable {
    /// The part that turns a prompt or a class into the context which the U-Net reads.
    package enum ConditionNetwork: Sendable, Equatable {
        case none
        /// One token for each class, of `width` numbers; the last row of the table stands for no class.
        case classes(width: Int)
        case text(TextEncoderArchitecture)

        /// The numbers of a token; nil if there are no tokens.
        fileprivate var width: Int? {
            switch self {
            case .none: nil
            case .classes(let width): width
            case .text(let text): text.width
            }
        }
    }

    /// The model's name; nil if the file does not tell it.
    package var name: String?
    /// The U-Net.
    package var network: NetworkConfiguration
    /// Nil if the files hold none.
    package var decoder: AutoencoderArchitecture?
    /// The number that latents were multiplied by for diffusion.
    package var scaleFactor: Double
    package var condition: ConditionNetwork
    package var process: NoiseProcess
    /// The quantity that the U-Net predicts.
    package var prediction: Prediction
    /// The height and width of a latent that the model was trained on.
    package var latentSize: [Int]

    /// The text encoder; nil if the model takes no prompts.
    package var text: TextEncoderArchitecture? {
        if case .text(let text) = condition { text } else { nil }
    }

    /// [C, h, w]
    package var latentShape: [Int] { [network.imageChannels] + latentSize }

    /// Throws `data` if the parts do not fit each other.
    package init(
        name: String? = nil, network: NetworkConfiguration, decoder: AutoencoderArchitecture?, scaleFactor: Double,
        condition: ConditionNetwork, process: NoiseProcess, prediction: Prediction, latentSize: [Int]
    ) throws {
        self.name = name
        self.network = network
        self.decoder = decoder
        self.scaleFactor = scaleFactor
        self.condition = condition
        self.process = process
        self.prediction = prediction
        self.latentSize = latentSize
        try validate()
    }

    /// Throws `data` if the parts do not fit each other.
    func validate() throws {
        func require(_ fits: Bool, _ place: String, _ message: @autoclosure () -> String) throws {
            guard fits else { throw Failure(.data, place: place, message()) }
        }
        let (channels, guided) = (network.imageChannels, network.guided)
        try require(
            decoder.map { $0.latentChannels == channels } ?? true, "U-Net",
            "works on latents of \(counted(channels, "channel")), and the decoder reads \(decoder?.latentChannels ?? 0)"
        )
        try require(
            channels == guided.outputChannels, "U-Net",
            "reads \(counted(channels, "channel")) and gives \(guided.outputChannels)")
        func numbers(_ width: Int?) -> String { width.map { counted($0, "number") } ?? "no numbers" }
        try require(
            guided.contextWidth == condition.width, "U-Net",
            "reads contexts of \(numbers(guided.contextWidth)), and the prompts or classes give \(numbers(condition.width))"
        )
        try text?.validate()
        try require(
            scaleFactor.isFinite && scaleFactor > 0, "scale factor", "is \(scaleFactor), not a positive number")
        let halvings = network.channelMultipliers.count - 1
        let pictureShape = decoder.map { decoder in [decoder.imageChannels] + latentSize.map { $0 * decoder.factor } }
        try require(
            isSampleShape(latentShape) && isSampleShape(pictureShape ?? latentShape), "size of latents",
            "\(latentSize) is too large")
        try require(
            latentSize.allSatisfy { $0.isMultiple(of: 1 << halvings) }, "size of latents",
            "\(latentSize) cannot be halved \(counted(halvings, "time")), as the U-Net does")
    }
}
