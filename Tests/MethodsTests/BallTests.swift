import Fitting
import FittingTestSupport
import Methods
import Tensors
import Testing

@Suite struct BallTests {
    /// The radii of the paper's settings (App. D.1).
    @Test func radii() {
        let published = [4: 0.192, 5: 0.12288, 7: 0.06269388, 10: 0.03072]
        for (evaluations, radius) in published {
            #expect(NoiseBall(dimension: 3072, evaluations: evaluations).radius == radius)
        }
        #expect(NoiseBall(dimension: 16384, evaluations: 4).radius == 1.024)
    }

    /// The reference steps 12 / NFE along the mean loss of a batch of two, which is 6 / NFE along each pair's own loss.
    @Test func noiseSteps() {
        #expect(LD3Settings(dimension: 3072, evaluations: 4).noiseStep == 12.0 / 4 / 2)
        let latent = LD3Settings(dimension: 4096, evaluations: 6, isLatent: true)
        #expect(latent.batch == 1 && latent.noiseStep == 2)
    }

    @Test func projectionKeepsTheInsideAndMovesTheOutsideOntoTheSphere() {
        let centres = gaussian(shape: [3, 5], seed: 5)
        var points = centres
        points.withMutableElements { elements in
            for index in 0..<5 { elements[index] += 0.01 }
            for index in 5..<10 { elements[index] += 0.5 }
        }
        let projected = NoiseBall(radius: 0.1).project(points, around: centres)
        #expect(projected.samples(0..<1) == points.samples(0..<1))
        #expect(projected.samples(2..<3) == points.samples(2..<3))
        #expect(abs(distance(projected, centres, row: 1) - 0.1) < 1e-12)
        #expect(NoiseBall(radius: 0).project(points, around: centres) == centres)
    }
}
