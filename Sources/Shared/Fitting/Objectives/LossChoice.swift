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
    /// LPIPS' network of the user's files.
    private let lpips: (network: any TapNetwork, weights: [[Float]])?
    private let threads: Int

    /// Whether the loss is over features, which are computed in single precision.
    package var usesNetwork: Bool { name == .perceptual || name == .lpips }

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
        lpips = name == .lpips ? try Self.lpips(values) : nil
        threads = values.threads()
    }

    /// Returns the network of the files that the options name, and the weights of its channels.
    package static func lpips(_ values: any OptionValues) throws -> (network: any TapNetwork, weights: [[Float]]) {
        try FeatureCatalogue.perceptual(
            weights: try values.string("lpips-weights"), linear: try values.string("lpips-linear"),
            threads: values.threads())
    }

    /// Returns the loss to targets [P, target shape], on the pictures that `decoder` makes of them. Throws `usage` if it does not
    /// fit the model's samples.
    ///
    /// - Parameter noiseSize: the numbers of a noise.
    package func loss<Element>(
        to targets: Tensor<Element>, noiseSize: Int, decoder: any Decoder<Float>
    ) throws -> any Loss<Element> {
        let divisor = usesCompatibleDivisor ? Double(noiseSize) : nil
        func pixels<Value>(_ targets: Tensor<Value>) -> PixelLoss<Value> {
            PixelLoss(name == .l1 ? .l1 : .l2, targets: targets, divisor: divisor)
        }
        if decoder is AbsentDecoder<Float>, usesNetwork {
            throw Failure.option(
                "loss \(name.rawValue)", "compares pictures, and the model in another process gives latents")
        }
        let isDecoded = !(decoder is IdentityDecoder<Float> || decoder is AbsentDecoder<Float>)
        guard usesNetwork || isDecoded else { return pixels(targets) }
        guard decoder.imageShape.count == 3, let samples = targets as? Tensor<Float> else { throw misfit(targets) }
        let loss: any Loss<Float>
        if usesNetwork {
            let (network, weights) = try features(of: decoder.imageShape)
            func perceptual(_ images: Tensor<Float>) throws -> PerceptualLoss {
                PerceptualLoss(try PerceptualDistance(network, targets: images, weights: weights))
            }
            loss =
                isDecoded
                ? try Decoded(decoder, targets: samples, batch: 16, loss: perceptual) : try perceptual(samples)
        } else {
            loss = try Decoded(decoder, targets: samples, batch: 16, loss: pixels)
        }
        guard let loss = loss as? any Loss<Element> else { throw misfit(targets) }
        return loss
    }

    /// Returns the network of a loss over features. Throws `usage` if there is none for pictures of this shape.
    private func features(of shape: [Int]) throws -> (network: any TapNetwork, weights: [[Float]]?) {
        if let lpips { return (lpips.network, lpips.weights) }
        guard let model = EmbeddedModel.allCases.first(where: { $0.imageShape == shape }) else {
            let known = EmbeddedModel.allCases.map { "\($0.imageShape)" }.joined(separator: " or ")
            throw Failure.option(
                "loss perceptual", "the embedded features are of pictures of shape \(known), not \(shape)")
        }
        return (try FeatureCatalogue.perceptual(model, threads: threads), nil)
    }

    private func misfit<Element>(_ targets: Tensor<Element>) -> Failure {
        .option("loss \(name.rawValue)", "needs images, not samples of shape \(targets.sampleShape)")
    }
}
