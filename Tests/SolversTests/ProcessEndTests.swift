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

    /// Wherever the times end without noise, the last step is one evaluation, and its data prediction is the result: for every
    /// solver, order and variant, under every process.
    @Test(arguments: [
        NoiseProcess.edm, .edm(minimum: 1e-3, maximum: 700), .vpLinear, .vpCosine, .vpDiscrete(.stableDiffusion),
        .vpDiscrete(.latentDiffusion), .vpDiscrete(.pointCloud), .flow,
    ]) func aLastStepWithoutNoiseIsTheDataPrediction(process: NoiseProcess) throws {
        let denoiser = try planeMixture(process)
        let start = Tensor(shape: [1, 2], elements: [0.9 * process.priorScale, -0.7 * process.priorScale])
        for steps in [1, 2, 3, 5] {
            var times = try Discretization.quadratic.times(steps: steps, process: process)
            times[steps] = process.noiseFreeTime
            for solver in everySolver where !process.startsWithoutSignal || !isSingular(solver, process) {
                let program = try solver.program(process: process, times: times)
                var registers: [Int: Tensor<Double>] = [:]
                let result = try Executor(denoiser: denoiser).run(program, from: start) { registers[$0] = $1 }
                let name = "\(solver.name) of \(steps) steps, \(process.spelling)"
                // Without an evaluation, the noise prediction of a first step is x_T itself.
                if solver.options.contains(.analyticFirst), steps == 1 {
                    #expect(program.evaluations == 0 && result.elements.allSatisfy(\.isFinite), "\(name)")
                    continue
                }
                let last = try #require(
                    program.instructions.lastIndex {
                        if case .evaluate(_, let time, _) = $0 { time == times[steps - 1] } else { false }
                    })
                let expected = try #require(registers[last + 1])
                #expect(relativeDistance(result, expected) < 1e-11, "\(name)")
            }
        }
    }

    private func isSingular(_ solver: Solver, _ process: NoiseProcess) -> Bool {
        (try? solver.program(process: process, times: [process.start, process.end])) == nil
    }

    /// The other steps keep the coefficients that they have in a run of as many steps.
    @Test func onlyTheLastStepChanges() throws {
        func rows(_ solver: Solver, end: Double) throws -> [LinearRecursion<Double>.Row] {
            let times = [80.0, 30, 10, 3, 1, end]
            return try solver.recursion(process: .edm, times: times, modelTimes: times).rows
        }
        for solver in everySolver {
            for (row, other) in zip(try rows(solver, end: 0).dropLast(), try rows(solver, end: 0.002)) {
                #expect(row.predictor.states.map(\.weight) == other.predictor.states.map(\.weight), "\(solver.name)")
                #expect(row.predictor.outputs.map(\.weight) == other.predictor.outputs.map(\.weight), "\(solver.name)")
            }
        }
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

/// The executor looks at its own states, and tells a fault of the solver from one of the network.
@Suite struct SolverBreakdownTests {
    @Test func aStateThatIsNotFiniteIsTheSolvers() throws {
        var program = StepProgram<Double>()
        let first = program.evaluate(0, at: 80)
        program.finishStep(program.combine([(1, 0), (1, first)]))
        let second = program.evaluate(program.result, at: 10)
        program.finishStep(program.combine([(1e300, program.result), (1e300, second)]))
        let executor = Executor(
            denoiser: GaussianDenoiser<Double>(sampleShape: [2], mean: 0, deviation: 1, process: .edm), seeds: [7, 8])
        let start = Tensor(shape: [2, 2], elements: [0, 0, 1e200, 0])
        let expected = SolverBreakdown(seed: 8, sample: 1, step: 1)
        #expect(throws: expected) { try executor.run(program, from: start) }
        #expect(throws: expected) { try executor.trace(program, from: start, policy: .recompute) }
        #expect("\(expected)".contains("seed 8, step 1: the solver's state"))
    }
}
