import Diagnostics
import Diffusion
import Schedules
import SolverTestSupport
import Solvers
import Tensors
import Testing

/// Processes that start without signal or end without noise.
@Suite struct ProcessEndTests {
    /// DDIM along k / 100 on Gaussian data has a closed form. Its last state is D.
    @Test func pointCloud() throws {
        let process = NoiseProcess.vpDiscrete(.pointCloud)
        let (mean, deviation) = (0.3, 0.4)
        let gaussian = GaussianDenoiser<Double>(sampleShape: [1], mean: mean, deviation: deviation, process: process)
        let times = try Discretization.uniform.times(steps: 100, process: process)
        var alphaBars = [1.0]
        for k in 1...100 { alphaBars.append(alphaBars[k - 1] * (1 - (1e-4 + 0.0199 * Double(k - 1) / 99))) }
        let sigmas = alphaBars.reversed().map { ((1 - $0) / $0).squareRoot() }
        let variance = deviation * deviation
        let factor = zip(sigmas, sigmas.dropFirst()).reduce(1.0) {
            $0 * ($1.0 * $1.1 + variance) / ($1.0 * $1.0 + variance)
        }
        let start = 1.5 / alphaBars[100].squareRoot()
        let program = try Solver(.ddim).program(process: process, times: times)
        var registers: [Int: Tensor<Double>] = [:]
        let result = try Executor(denoiser: gaussian).run(program, from: Tensor(shape: [1, 1], elements: [1.5])) {
            registers[$0] = $1
        }
        #expect(program.evaluations == 100 && abs(result[0] - (mean + (start - mean) * factor)) < 1e-12)
        let last = try #require(registers[program.states[99]])
        #expect(try abs(result[0] - gaussian.denoise(last, at: [0.01], given: .none)[0]) < 1e-14)
        // The exact flow.
        let exact = mean + (start - mean) * deviation / (variance + sigmas[0] * sigmas[0]).squareRoot()
        for (name, tolerance) in [
            ("ddim", 1e-2), ("euler", 2e-2), ("heun", 1e-3), ("ipndm3", 1e-3), ("ipndm_v3", 1e-3), ("deis-rho", 1e-3),
        ] {
            let value = try run(Solver(name: name), gaussian, process: process, times: times, from: [1.5])[0]
            #expect(abs(value - exact) < tolerance, "\(name): \(value - exact)")
        }
    }

    /// The point cloud's process ends at sigma = 0. Solvers in lambda end there at the data prediction of their last state.
    @Test func pointCloudInLambda() throws {
        let process = NoiseProcess.vpDiscrete(.pointCloud)
        let mixture = try planeMixture(process)
        let times = try Discretization.uniform.times(steps: 5, process: process)
        for solver in everySolver
        where ["unipc", "dpm-solver++", "dpm-solver++s", "dpm-solver", "deis-tab"].contains(solver.family.name) {
            let program = try solver.program(process: process, times: times)
            var registers: [Int: Tensor<Double>] = [:]
            let result = try Executor<Double>(denoiser: mixture).run(
                program, from: Tensor(shape: [1, 2], elements: [0.9, -0.7])
            ) { registers[$0] = $1 }
            let last = try #require(registers[program.states[program.states.count - 2]])
            let data = try mixture.denoise(last, at: [times[4]], given: .none)
            // UniPC's last prediction is the one before its corrector.
            let tolerance = solver.family == .unipc ? 0.1 : 1e-12
            #expect(relativeDistance(result, data) < tolerance, "\(solver.name)")
        }
        #expect(throws: Failure.self) { try Discretization.logSNR.times(steps: 4, process: process) }
    }

    /// A last step to sigma = 0 is finite, for every solver under every process.
    @Test(arguments: [NoiseProcess.edm, .vpLinear, .vpCosine, .vpDiscrete(.stableDiffusion)])
    func lastStepToZero(process: NoiseProcess) throws {
        let start = process.start
        let times = [start, 0.5 * start, 0.1 * start, 0.01 * start, process.time(scaledSigma: 0)]
        for solver in everySolver {
            let program = try solver.program(process: process, times: times)
            let result = try Executor<Double>(denoiser: planeMixture(process)).run(
                program, from: Tensor(shape: [1, 2], elements: [50, -20].map { $0 * process.sigma(start) / start }))
            #expect(result.elements.allSatisfy { $0.isFinite }, "\(solver.name)")
        }
        #expect(try Solver(name: "heun").program(process: process, times: times).evaluations == 7)
    }
}
