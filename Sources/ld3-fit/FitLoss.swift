import Commands
import Diagnostics
import FeatureNetworks
import Fitting
import Metrics
import Models
import Networks
import Tensors

/// --loss
enum FitLoss: String, CaseIterable {
    case l2
    case l1
    case perceptual
    case lpips

    static let help =
        "l2 or l1, means over elements; perceptual, LPIPS' form over the embedded features; or lpips, with "
        + "--lpips-weights and --lpips-linear"
}

extension Arguments {
    /// The loss for a set of targets. Throws `usage` where it does not fit the model's samples.
    func loss<Element>(for targets: Tensor<Element>, model: Model) throws -> any Loss<Element> {
        let divisor = flag("compat-divisor") ? Double(model.sampleShape.reduce(1, *)) : nil
        switch try choice("loss", FitLoss.self) {
        case .l2: return PixelLoss(.l2, targets: targets, divisor: divisor)
        case .l1: return PixelLoss(.l1, targets: targets, divisor: divisor)
        case .perceptual:
            return try imageLoss(targets, by: FeatureCatalogue.perceptual(threads: threads()))
        case .lpips:
            let (network, weights) = try FeatureCatalogue.perceptual(
                weights: try string("lpips-weights"), linear: try string("lpips-linear"), threads: threads())
            return try imageLoss(targets, by: network, weights: weights)
        }
    }

    /// A loss over features; the network decides what images it can see.
    private func imageLoss<Element>(
        _ targets: Tensor<Element>, by network: any TapNetwork, weights: [[Float]]? = nil
    ) throws -> any Loss<Element> {
        guard targets.sampleShape.count == 3, let images = targets as? Tensor<Float>,
            let loss = PerceptualLoss(try PerceptualDistance(network, targets: images, weights: weights))
                as? any Loss<Element>
        else {
            throw Failure(
                .usage, place: "--loss \(try string("loss"))",
                "needs images, not samples of shape \(targets.sampleShape)")
        }
        return loss
    }
}
