import Diffusion
import Tensors
import Testing

@Suite struct DataConversionTests {
    private let x = Tensor<Float>(shape: [2, 3], elements: [0.3, -0.2, 0.9, 4, -7, 1.5])
    private let output = Tensor<Float>(shape: [2, 3], elements: [-0.7, 0.4, 1.1, 0.25, -2, 3])
    private let cotangent = Tensor<Float>(shape: [2, 3], elements: [1, -0.5, 2, 0.25, 1, -1])
    private let processes: [NoiseProcess] = [.edm, .vpLinear, .vpDiscrete(.stableDiffusion), .flow(shift: 3)]

    private func dot(_ a: Tensor<Float>, _ b: Tensor<Float>) -> Double {
        zip(a.elements, b.elements).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }

    /// The prediction that belongs to x and the converted data is the output.
    @Test(arguments: Prediction.allCases) func dataGiveTheOutputBack(prediction: Prediction) {
        for process in processes {
            let moments = [times(of: process)[1], times(of: process)[2]]
            let data = DataConversion(prediction, process, at: moments).data(x, output)
            for index in 0..<6 {
                let weights = prediction.weights(process, at: moments[index / 3])
                let (state, part) = (weights.state * Double(x[index]), weights.data * Double(data[index]))
                let scale = abs(state) + abs(part) + abs(Double(output[index]))
                #expect(abs(state + part - Double(output[index])) <= 1e-6 * scale, "\(process.spelling)")
            }
        }
    }

    /// Cotangents of x and the output against the change of D, which is linear in both, and those of the times against
    /// central differences.
    @Test(arguments: Prediction.allCases) func cotangentsAreThoseOfTheData(prediction: Prediction) {
        for process in processes {
            let moments = [times(of: process)[1], times(of: process)[2]]
            let conversion = DataConversion(prediction, process, at: moments)
            let zero = Tensor<Float>(shape: [2, 3])
            let ofState = conversion.stateCotangent(cotangent, through: zero)
            let ofOutput = conversion.networkCotangent(cotangent)
            let (state, network) = (conversion.data(x, zero), conversion.data(zero, output))
            for (data, cotangent, input) in [(state, ofState, x), (network, ofOutput, output)] {
                // Large terms may cancel.
                let scale = (0..<6).reduce(0) { $0 + abs(Double(cotangent[$1] * input[$1])) }
                #expect(abs(dot(self.cotangent, data) - dot(cotangent, input)) <= 1e-6 * scale, "\(process.spelling)")
            }
            let through = conversion.stateCotangent(cotangent, through: output)
            for index in 0..<6 { #expect(abs(through[index] - ofState[index] - output[index]) <= 1e-4) }

            let found = conversion.timeCotangents(cotangent, x, output)
            for (sample, t) in moments.enumerated() {
                func value(_ t: Double) -> Double {
                    let (state, factor) = prediction.inverse(process, at: t)
                    return (3 * sample..<3 * sample + 3).reduce(0) {
                        $0 + Double(cotangent[$1]) * (state * Double(x[$1]) + factor * Double(output[$1]))
                    }
                }
                let h = 1e-6 * t
                let slope = (value(t + h) - value(t - h)) / (2 * h)
                #expect(abs(found[sample] - slope) <= 1e-5 * max(1, abs(slope)), "\(process.spelling)")
            }
        }
    }
}
