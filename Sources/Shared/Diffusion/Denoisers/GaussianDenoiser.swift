import Tensors

/// The exact denoiser of data N(mean, deviation^2 I), under any process (docs/methods/processes.md,
/// "Analytic denoisers"):
/// D(x; t) = m + gain (x - alpha m), gain = alpha c^2 / (alpha^2 c^2 + sigma^2).
package struct GaussianDenoiser<Element: TensorElement>: Denoiser {
    package let sampleShape: [Int]
    package let mean: Double
    package let deviation: Double
    package let process: NoiseProcess

    package var hasPullback: Bool { true }
    package var labelCount: Int { 0 }

    package init(sampleShape: [Int], mean: Double = 0, deviation: Double = 0.5, process: NoiseProcess = .edm) {
        self.sampleShape = sampleShape
        self.mean = mean
        self.deviation = deviation
        self.process = process
    }

    /// Returns this denoiser in another precision.
    package func converted<Other: TensorElement>(to type: Other.Type) -> GaussianDenoiser<Other> {
        GaussianDenoiser<Other>(sampleShape: sampleShape, mean: mean, deviation: deviation, process: process)
    }

    /// Returns the gain and the offset of D = gain x + offset, with their derivatives in t.
    private func line(at time: Double) -> (gain: Dual, offset: Dual) {
        let t = Dual.variable(time, index: 0, of: 1)
        let (alpha, sigma) = (process.alpha(t), process.sigma(t))
        let variance = deviation * deviation
        let gain = variance * alpha / (variance * alpha * alpha + sigma * sigma)
        return (gain, mean * (1.0 - gain * alpha))
    }

    package func denoise(_ x: Tensor<Element>, at times: [Double], given condition: Condition) throws -> Tensor<Element>
    {
        let lines = times.map(line)
        return x.scaled(bySample: lines.map(\.gain.value), plus: lines.map(\.offset.value))
    }

    package func linearize(
        _ x: Tensor<Element>, at times: [Double], given condition: Condition
    ) throws -> Linearization<Element> {
        let lines = times.map(line)
        return Linearization(value: try denoise(x, at: times, given: condition)) { cotangent in
            let ones = Tensor<Element>(shape: [1] + x.sampleShape, repeating: 1)
            let timeCotangents = times.indices.map { sample in
                let incoming = cotangent.samples(sample..<sample + 1)
                return lines[sample].gain.partial(0) * incoming.dot(x.samples(sample..<sample + 1))
                    + lines[sample].offset.partial(0) * incoming.dot(ones)
            }
            return Cotangents(x: cotangent.scaled(bySample: lines.map(\.gain.value)), times: timeCotangents)
        }
    }
}
