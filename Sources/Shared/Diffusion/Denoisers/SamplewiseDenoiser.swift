import Tensors

/// A denoiser without classes that computes one sample at a time, in Double; only its arguments and results are of type Element.
protocol SamplewiseDenoiser: Denoiser {
    /// Returns D(x; t) of one sample.
    func mean(_ x: [Double], at time: Double) -> [Double]

    /// Returns the derivatives of <cotangent, D(x; t)> in x and in t.
    func pullback(_ x: [Double], at time: Double, cotangent: [Double]) -> (x: [Double], time: Double)
}

extension SamplewiseDenoiser {
    package var hasPullback: Bool { true }
    package var labelCount: Int { 0 }

    package func denoise(_ x: Tensor<Element>, at times: [Double], given condition: Condition) throws -> Tensor<Element>
    {
        x.mapSamples { sample, row in mean(row, at: times[sample]) }
    }

    package func linearize(
        _ x: Tensor<Element>, at times: [Double], given condition: Condition
    ) throws -> Linearization<Element> {
        Linearization(value: try denoise(x, at: times, given: condition)) { cotangent in
            var timeCotangents: [Double] = []
            let pulled = x.mapSamples { sample, row in
                let result = pullback(row, at: times[sample], cotangent: cotangent.doubles(sample: sample))
                timeCotangents.append(result.time)
                return result.x
            }
            return Cotangents(x: pulled, times: timeCotangents)
        }
    }
}
