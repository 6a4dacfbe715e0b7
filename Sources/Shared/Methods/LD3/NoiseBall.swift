import Fitting
import Tensors

/// The ball around each sample's own noise in which its moved noise lies: soft teacher forcing (paper, Sec. 4.2).
///
/// Noises have unit variance, so the paper's radius r sigma_T of x_T is `radius` here.
package struct NoiseBall: Sendable, Equatable {
    package var radius: Double

    package init(radius: Double) { self.radius = radius }

    /// The paper's radius: 0.001 d / NFE^2, rounded to 8 decimals; d is the dimension of the noise.
    package init(dimension: Int, evaluations: Int) {
        radius = roundedToEightDecimals(0.001 * Double(dimension) / Double(evaluations * evaluations))
    }

    /// Returns the points of the ball next to `noises`, [B, sample shape] (paper, Alg. 1, line 6). Points inside stay.
    @specialized(where Element == Float)
    @specialized(where Element == Double)
    package func project<Element: TensorElement>(
        _ noises: Tensor<Element>, around centres: Tensor<Element>
    ) -> Tensor<Element> {
        precondition(noises.shape == centres.shape)
        return noises.mapSamples { sample, noise in
            let centre = centres.doubles(sample: sample)
            let differences = zip(noise, centre).map { $0 - $1 }
            let norm = differences.reduce(0) { $0 + $1 * $1 }.squareRoot()
            return norm > radius ? zip(centre, differences).map { $0 + radius / norm * $1 } : noise
        }
    }
}
