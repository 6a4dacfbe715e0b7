import Tensors

/// The ball around each sample's own noise in which its latent may move: soft teacher forcing (M5.4, paper Sec. 4.2).
///
/// Everything is in unit-variance latent space, so the paper's r sigma_T in x_T space is `radius` here.
package struct Ball: Sendable, Equatable {
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
        let size = latents.sampleCount
        var projected = latents
        projected.withMutableElements { points in
            centres.withElements { origins in
                for sample in 0..<latents.batch {
                    let range = sample * size..<(sample + 1) * size
                    let squares = range.reduce(0.0) { sum, index in
                        let difference = Double(points[index]) - Double(origins[index])
                        return sum + difference * difference
                    }
                    let norm = squares.squareRoot()
                    guard norm > radius else { continue }
                    let scale = radius / norm
                    for index in range {
                        let difference = Double(points[index]) - Double(origins[index])
                        points[index] = Element(Double(origins[index]) + scale * difference)
                    }
                }
            }
        }
        return projected
    }
}
