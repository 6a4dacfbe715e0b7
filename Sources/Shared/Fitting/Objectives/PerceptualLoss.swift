import Metrics
import Tensors

/// LPIPS to the teacher's images, whose features are computed once (Zhang et al. 2018, Eq. 1).
package struct PerceptualLoss: Loss {
    private let distance: PerceptualDistance

    package init(_ distance: PerceptualDistance) { self.distance = distance }

    package func values(_ samples: Tensor<Float>, pairs: [Int]) throws -> [Double] {
        try distance.values(samples, pairs: pairs)
    }

    package func gradients(_ samples: Tensor<Float>, pairs: [Int]) throws -> LossGradients<Float> {
        let gradients = try distance.gradients(samples, pairs: pairs)
        return LossGradients(values: gradients.values, samples: gradients.images)
    }
}
