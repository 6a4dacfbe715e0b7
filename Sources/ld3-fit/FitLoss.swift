import Commands
import Diagnostics
import Fitting
import Metrics
import Models
import Tensors

/// --loss
enum FitLoss: String, CaseIterable {
    case l2
    case l1
    case perceptual

    static let help =
        "l2 or l1, means over elements, or perceptual: LPIPS over the embedded features, or those of --lpips"
}

extension Arguments {
    /// The loss for a set of targets. Throws `usage` where it does not fit the model's samples.
    func loss<Element>(for targets: Tensor<Element>, model: Model) throws -> any Loss<Element> {
        let divisor = flag("compat-divisor") ? Double(model.sampleShape.reduce(1, *)) : nil
        switch try choice("loss", FitLoss.self) {
        case .l2: return PixelLoss(.l2, targets: targets, divisor: divisor)
        case .l1: return PixelLoss(.l1, targets: targets, divisor: divisor)
        case .perceptual:
            guard let images = targets as? Tensor<Float>,
                let loss = try perceptualLoss(for: images) as? any Loss<Element>
            else { throw Failure(.usage, place: "--loss perceptual", "needs a model of images") }
            return loss
        }
    }

    private func perceptualLoss(for targets: Tensor<Float>) throws -> PerceptualLoss {
        guard targets.sampleShape.count == 3 else {
            throw Failure(
                .usage, place: "--loss perceptual", "needs images, not samples of shape \(targets.sampleShape)")
        }
        let threads = try threads()
        guard let files = stringIfGiven("lpips") else {
            return PerceptualLoss(
                try PerceptualDistance(FeatureCatalogue.perceptual(threads: threads), targets: targets))
        }
        let paths = files.split(separator: ",").map(String.init)
        guard paths.count == 2 else { throw Failure(.usage, place: "--lpips", "`\(files)` is not two files") }
        let (network, weights) = try FeatureCatalogue.perceptual(
            weights: paths[0], linear: paths[1], threads: threads)
        return PerceptualLoss(try PerceptualDistance(network, targets: targets, weights: weights))
    }
}
