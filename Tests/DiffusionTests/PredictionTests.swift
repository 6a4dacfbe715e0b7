import Diffusion
import Tensors
import Testing

@Suite struct PredictionTests {
    /// Each prediction and its inverse give D back, and x = alpha D + sigma e holds.
    @Test func conversionsInvert() {
        let (x, data) = (0.7, -0.2)
        for process in everyProcess {
            for t in times(of: process) {
                for prediction in Prediction.allCases {
                    let there = prediction.weights(process, at: t)
                    let back = prediction.inverse(process, at: t)
                    let value = there.state * x + there.data * data
                    #expect(abs(back.state * x + back.prediction * value - data) < 1e-9, "\(prediction)")
                }
                let (alpha, sigma) = (process.alpha(t), process.sigma(t))
                let noise = Prediction.noise.weights(process, at: t)
                #expect(abs(alpha * data + sigma * (noise.state * x + noise.data * data) - x) < 1e-12)
                let e = (x - alpha * data) / sigma
                let velocity = Prediction.velocity.weights(process, at: t)
                let expected = process.startsWithoutSignal ? data - e : alpha * e - sigma * data
                #expect(abs(velocity.state * x + velocity.data * data - expected) <= 1e-10 * max(1, abs(expected)))
            }
        }
    }

    @Test func preconditioningDerivatives() {
        for form in Preconditioning.allCases {
            for s in [0.0213, 0.3, 1.7, 12.0, 63.0] {
                let exact = form.derivatives(s)
                // Not across an entry of iDDPM's table, where the slope jumps.
                let h = 1e-7 * s
                let (above, below) = (form.factors(s + h), form.factors(s - h))
                for (dual, difference) in [
                    (exact.skip, above.skip - below.skip), (exact.output, above.output - below.output),
                    (exact.input, above.input - below.input), (exact.noise, above.noise - below.noise),
                ] {
                    let slope = difference / (2 * h)
                    #expect(abs(dual.partial(0) - slope) <= 1e-5 * max(1, abs(slope)), "\(form) at \(s)")
                }
            }
        }
    }

    /// Values of improved DDPM's noise levels.
    @Test func improvedLevels() {
        let levels = ImprovedLevels.levels
        for (index, value) in [(0, 20291.1696), (1, 641.66235), (2, 320.83039), (500, 1.0123896), (999, 0.0064254128)] {
            #expect(abs(levels[index] - value) <= 1e-6 * value, "u_\(index)")
        }
        #expect(levels[1000] == 0 && levels.filter { (0.002...81).contains($0) }.count == 992)
        #expect(ImprovedLevels.nearest(320) == levels[2])
        #expect(Preconditioning.iddpm.factors(levels[500]).noise == 499)
    }
}
