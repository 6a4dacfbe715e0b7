import Tensors

/// Turns the output of a network, such as a noise or a velocity, into the data prediction D = p x + q output, where p and q
/// depend on the time of each sample. They are computed in Double and rounded once.
package struct DataConversion {
    private let factors: [(state: Dual, prediction: Dual)]

    package init(_ prediction: Prediction, _ process: NoiseProcess, at times: [Double]) {
        factors = times.map { prediction.inverse(process, at: .variable($0, index: 0, of: 1)) }
    }

    private var values: [(Double, Double)] { factors.map { ($0.state.value, $0.prediction.value) } }

    /// Returns D of states x and outputs, [B, sample shape].
    package func data(_ x: Tensor<Float>, _ output: Tensor<Float>) -> Tensor<Float> { combine(x, output, values) }

    /// Returns the cotangent of the output for one of D.
    package func networkCotangent(_ cotangent: Tensor<Float>) -> Tensor<Float> {
        combine(cotangent, cotangent, values.map { (0, $0.1) })
    }

    /// Returns the cotangent of x for one of D. `pulled` is the part that goes through the network.
    package func stateCotangent(_ cotangent: Tensor<Float>, through pulled: Tensor<Float>) -> Tensor<Float> {
        combine(cotangent, pulled, values.map { ($0.0, 1) })
    }

    /// Returns the cotangents of the times as far as they stand in p and q, [B].
    package func timeCotangents(_ cotangent: Tensor<Float>, _ x: Tensor<Float>, _ output: Tensor<Float>) -> [Double] {
        factors.indices.map { sample in
            factors[sample].state.partial(0) * dot(cotangent, x, sample: sample)
                + factors[sample].prediction.partial(0) * dot(cotangent, output, sample: sample)
        }
    }
}

/// Returns p a + q b, with the factors p and q of each sample.
private func combine(
    _ a: Tensor<Float>, _ b: Tensor<Float>, _ factors: [(Double, Double)]
) -> Tensor<Float> {
    let size = a.sampleCount
    return Tensor(shape: a.shape) { target in
        a.withElements { a in
            b.withElements { b in
                for (sample, factor) in factors.enumerated() {
                    let (p, q) = (Float(factor.0), Float(factor.1))
                    for index in sample * size..<(sample + 1) * size { target[index] = p * a[index] + q * b[index] }
                }
            }
        }
    }
}

/// Returns the inner product over one sample, in Double.
private func dot(_ a: Tensor<Float>, _ b: Tensor<Float>, sample: Int) -> Double {
    let size = a.sampleCount
    return a.withElements { a in
        b.withElements { b in
            (sample * size..<(sample + 1) * size).reduce(0.0) { $0 + Double(a[$1]) * Double(b[$1]) }
        }
    }
}
