import Diffusion
import SolverTestSupport
import Solvers
import Tensors
import Testing

@Suite struct SamplerTests {
    private let times = [80, 4, 0.5, 0.002]
    private let modelTimes = [80, 4.2, 0.45, 0.002]

    /// Gradients of a weighted sum of the samples against central differences in the times, the model times and the noise.
    @Test(arguments: [Solver.Family.ipndm, .unipc, .heun])
    func gradientsMatchDifferences(family: Solver.Family) throws {
        let sampler = SolverSampler(try Solver(family), process: .edm, denoiser: try planeMixture())
        let input = SamplerInput(
            noise: Tensor(shape: [3, 2], elements: [0.3, -1.1, 0.8, 0.2, -0.4, 1.3]), seeds: [5, 6, 7])
        let weights = Tensor<Double>(shape: [3, 2], elements: [1, -0.5, 0.3, 2, -1, 0.7])
        func value(_ input: SamplerInput<Double>, _ times: [Double], _ modelTimes: [Double]) throws -> Double {
            try sampler.sample(input, times: times, modelTimes: modelTimes).dot(weights)
        }
        let linearization = try sampler.linearize(input, times: times, modelTimes: modelTimes)
        #expect(linearization.samples == (try sampler.sample(input, times: times, modelTimes: modelTimes)))
        let pulled = try linearization.pullback(weights)
        for index in times.indices {
            for (told, found) in [(false, pulled.times[index]), (true, pulled.modelTimes[index])] {
                let step = 1e-5 * times[index]
                func moved(_ by: Double) throws -> Double {
                    var (own, model) = (times, modelTimes)
                    if told { model[index] += by } else { own[index] += by }
                    return try value(input, own, model)
                }
                let difference = try (moved(step) - moved(-step)) / (2 * step)
                #expect(abs(found - difference) <= 1e-5 * max(1, abs(difference)), "\(family) \(index) \(told)")
            }
        }
        let noise = try #require(pulled.noise)
        for index in 0..<6 {
            func moved(_ by: Double) throws -> Double {
                var other = input
                other.noise[index] += by
                return try value(other, times, modelTimes)
            }
            let difference = try (moved(1e-6) - moved(-1e-6)) / 2e-6
            #expect(abs(noise[index] - difference) <= 1e-5 * max(1, abs(difference)), "\(family) noise \(index)")
        }
    }
}
