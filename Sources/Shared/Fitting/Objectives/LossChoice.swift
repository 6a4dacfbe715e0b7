import Diagnostics
import Diffusion
import FeatureNetworks
import Metrics
import Models
import Networks
import Options
import Tensors

/// The loss that a user names, with its network open.
package struct LossChoice: Sendable {
    package enum Name: String, Sendable, CaseIterable { case l2, l1, perceptual, lpips }

    package let name: Name
    private let usesCompatibleDivisor: Bool
    private let network: (any TapNetwork)?
    private let weights: [[Float]]?

    /// Whether the loss is over features, which are computed in single precision.
    package var usesNetwork: Bool { network != nil }

    package static let option = Option.choice(
        "loss", cases: Name.self, default: "l2",
        "l2 or l1, means over elements; perceptual, LPIPS' form over the embedded features; or lpips, with "
            + "\(spelled("lpips-weights")) and \(spelled("lpips-linear"))")

    package static let options = OptionGroup(
        "losses", topic: "training",
        [
            .value("lpips-weights", "FILE", "torchvision's VGG16, AlexNet or SqueezeNet, for a loss or features lpips"),
            .value("lpips-linear", "FILE", "LPIPS' weights of its channels, for a loss or features lpips"),
            .flag("compat-divisor", "losses divided by the latent's size, as the official code does"),
        ])

    /// Opens the network. Throws `noInput` or `data` if its files cannot be had.
    package init(_ values: any OptionValues) throws {
        name = try values.choice("loss", Name.self)
        usesCompatibleDivisor = values.flag("compat-divisor")
        if name != .lpips, values.stringIfGiven("features") != Name.lpips.rawValue {
            try values.refuse(
                ["lpips-weights", "lpips-linear"], "is for \(spelled("loss")) lpips and \(spelled("features")) lpips")
        }
        if name == .perceptual || name == .lpips {
            try values.refuse(["compat-divisor"], "is for \(spelled("loss")) l2 and l1")
        }
        switch name {
        case .l2, .l1: (network, weights) = (nil, nil)
        case .perceptual: (network, weights) = (try FeatureCatalogue.perceptual(threads: values.threads()), nil)
        case .lpips: (network, weights) = try Self.lpips(values)
        }
    }

    /// Returns the network of the files that the options name, and the weights of its channels.
    package static func lpips(_ values: any OptionValues) throws -> (network: any TapNetwork, weights: [[Float]]) {
        try FeatureCatalogue.perceptual(
            weights: try values.string("lpips-weights"), linear: try values.string("lpips-linear"),
            threads: values.threads())
    }

    /// Returns the loss to targets [P, target shape]. Throws `usage` if it does not fit the model's samples.
    ///
    /// - Parameters:
    ///   - noiseSize: the numbers of a noise.
    ///   - decoder: makes the pictures of which features are taken.
    package func loss<Element>(
        to targets: Tensor<Element>, noiseSize: Int, decoder: any Decoder<Float>
    ) throws -> any Loss<Element> {
        let divisor = usesCompatibleDivisor ? Double(noiseSize) : nil
        guard let network else {
            return PixelLoss(name == .l1 ? .l1 : .l2, targets: targets, divisor: divisor)
        }
        func perceptual(_ images: Tensor<Float>) throws -> PerceptualLoss {
            PerceptualLoss(try PerceptualDistance(network, targets: images, weights: weights))
        }
        guard decoder.imageShape.count == 3, let samples = targets as? Tensor<Float>,
            let loss =
                (decoder is IdentityDecoder<Float>
                ? try perceptual(samples)
                : try Decoded(decoder, targets: samples, batch: 16, loss: perceptual) as any Loss<Float>)
                as? any Loss<Element>
        else {
            throw Failure.option(
                "loss \(name.rawValue)", "needs images, not samples of shape \(targets.sampleShape)")
        }
        return loss
    }
}
