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
    package enum Name: String, Sendable, CaseIterable { case l2, l1, perceptual, lpips, latentL2 = "latent-l2" }

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
            + "\(spelled("lpips-weights")) and \(spelled("lpips-linear")); of a latent model's pictures, but latent-l2 is "
            + "l2 of its latents, which needs no decoder")

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
            try values.refuse(["compat-divisor"], "is for \(spelled("loss")) l2, l1 and latent-l2")
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

    /// Returns the loss to the targets of pairs, on the pictures that the model's decoder makes of them. Throws `usage` if
    /// it does not fit the model's samples, `internal`, naming the seed, if a decoded target is not finite.
    package func loss<Element>(to pairs: Pairs<Element>, of model: Model) throws -> any Loss<Element> {
        let divisor = usesCompatibleDivisor ? Double(model.sampleShape.reduce(1, *)) : nil
        func pixels<Value>(_ targets: Tensor<Value>) -> PixelLoss<Value> {
            PixelLoss(name == .l1 ? .l1 : .l2, targets: targets, divisor: divisor)
        }
        if usesNetwork, let absent = model.decoder as? AbsentDecoder<Float> {
            throw Failure.option(
                "loss \(name.rawValue)", "compares pictures, and the model \(absent.failure.message)",
                suggestion: absent.reason == .missing ? absent.failure.suggestion : nil)
        }
        if name == .latentL2, !model.isLatent {
            throw Failure.option("loss latent-l2", "is for latent models, and \(model.name) makes pictures")
        }
        let isDecoded = model.isLatent && model.makesPictures && name != .latentL2
        guard usesNetwork || isDecoded else { return pixels(pairs.targets) }
        guard model.decoder.imageShape.count == 3, let samples = pairs.targets as? Tensor<Float> else {
            throw misfit(pairs.targets)
        }
        let features = usesNetwork ? try features(of: model.decoder.imageShape) : nil
        let targets = isDecoded ? try Self.pictures(of: samples, seeds: pairs.seeds, model) : samples
        func decoded(_ loss: some Loss<Float>) -> any Loss<Float> {
            isDecoded ? Decoded(model.decoder, loss) : loss
        }
        let loss =
            if let (network, weights) = features {
                decoded(PerceptualLoss(try PerceptualDistance(network, targets: targets, weights: weights)))
            } else {
                decoded(pixels(targets))
            }
        guard let loss = loss as? any Loss<Element> else { throw misfit(pairs.targets) }
        return loss
    }

    /// Returns the pictures [P, image shape] of latents, of which a few are decoded at once.
    private static func pictures(of latents: Tensor<Float>, seeds: [Int64], _ model: Model) throws -> Tensor<Float> {
        Tensor.concatenate(
            try Array(seeds.indices).chunks(of: 16).map { rows in
                try model.pictures(latents.gather(rows), seeds: rows.map { seeds[$0] })
            })
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
