import Diagnostics
import Diffusion
import Schedules
import SolverTestSupport
import Solvers
import Tensors
import Testing

/// Processes that start without signal or end without noise.
@Suite struct ProcessEndTests {
    /// The solvers that need a finite lambda.
    static let inLambda = ["unipc", "dpm-solver++", "dpm-solver++s", "dpm-solver", "deis-tab"]

    /// Solvers that divide by alpha refuse the flow. The others reach t = 0.
    @Test func flow() throws {
        let gaussian = GaussianDenoiser<Double>(sampleShape: [1], mean: 0.3, deviation: 0.4, process: .flow)
        let times = try Discretization.uniform.times(steps: 400, process: .flow)
        // Exact map of the flow: x_0 = m + c z for z standard normal.
        for name in ["euler", "ddim", "heun", "ipndm2", "ipndm_v3"] {
            let result = try run(Solver(name: name), gaussian, process: .flow, times: times, from: [1.5])
            #expect(abs(result[0] - (0.3 + 0.4 * 1.5)) < (name == "euler" || name == "ddim" ? 5e-3 : 1e-3), "\(name)")
        }
        for name in Self.inLambda {
            #expect(throws: Failure.self) { try Solver(name: name).program(process: .flow, times: times) }
        }
    }

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

    /// Solvers in lambda refuse the end of the point cloud's process in one line. They run if the times stop before it.
    @Test func pointCloudRefusals() throws {
        let process = NoiseProcess.vpDiscrete(.pointCloud)
        let times = try Discretization.uniform.times(steps: 5, process: process)
        for name in Self.inLambda {
            let solver = try Solver(name: name)
            do {
                _ = try solver.program(process: process, times: times)
                Issue.record("\(name) runs")
            } catch let failure as Failure {
                #expect(failure.status == .usage && failure.message.contains(solver.name), "\(name)")
                #expect(!failure.message.contains("\n") && failure.message.contains("sigma = 0"))
            }
            let program = try solver.program(process: process, times: times.dropLast() + [0.01])
            let result = try Executor<Double>(denoiser: planeMixture(process)).run(
                program, from: Tensor(shape: [1, 2], elements: [0.9, -0.7]))
            #expect(result.elements.allSatisfy { $0.isFinite }, "\(name)")
        }
        #expect(throws: Failure.self) { try Discretization.logSNR.times(steps: 4, process: process) }
    }

    /// A last step to sigma = 0 is finite.
    @Test func lastStepToZero() throws {
        for name in ["euler", "ddim", "heun", "ipndm3", "dpm_solver++2", "uni_pc_bh2_3"] {
            let times = [80.0, 10, 1, 0.1, 0]
            let program = try Solver(name: name).program(process: .edm, times: times)
            let result = try Executor<Double>(denoiser: planeMixture()).run(
                program, from: Tensor(shape: [1, 2], elements: [50, -20]))
            #expect(result.elements.allSatisfy { $0.isFinite })
            #expect(program.evaluations == (name == "heun" ? 7 : 4))
        }
    }
}
