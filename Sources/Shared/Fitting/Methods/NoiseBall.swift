import Tensors

/// The ball around each sample's own noise in which its latent may move: soft teacher forcing (M5.4, paper Sec. 4.2).
///
/// Everything is in unit-variance latent space, so the paper's r sigma_T in x_T space is `radius` here.
package struct NoiseBall: Sendable, Equatable {
    package var radius: Double

    package init(radius: Double) { self.radius = radius }

    /// The paper's radius: 0.001 d / NFE^2, rounded to 8 decimals; d is the dimension of the latent.
    package init(dimension: Int, evaluations: Int) {
        radius = roundedToEightDecimals(0.001 * Double(dimension) / Double(evaluations * evaluations))
    }

    /// The points of the ball next to `latents`, [B, sample shape], sample by sample; points inside stay as they are.
    @specialized(where Element == Float)
    @specialized(where Element == Double)
    package func project<Element: TensorElement>(
        _ latents: Tensor<Element>, around centres: Tensor<Element>
    ) -> Tensor<Element> {
        precondition(latents.shape == centres.shape)
        return latents.mapSamples { sample, latent in
            let centre = centres.doubles(sample: sample)
            let differences = zip(latent, centre).map { $0 - $1 }
            let norm = differences.reduce(0) { $0 + $1 * $1 }.squareRoot()
            return norm > radius ? zip(centre, differences).map { $0 + radius / norm * $1 } : latent
        }
    }
}
