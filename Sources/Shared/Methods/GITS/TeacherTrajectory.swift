import Diffusion
import Solvers
import Tensors

/// A fine solve with all it went through, in the coordinates (x / alpha, s).
package struct TeacherTrajectory<Element: TensorElement>: Sendable {
    /// n falling noise levels s = sigma / alpha.
    package let sigmas: [Double]
    /// X_0 ... X_{n-1}, each [B, sample shape].
    package let states: [Tensor<Element>]
    /// d_i = (X_i - D_i) / s_i at the first n - 1 of them.
    package let slopes: [Tensor<Element>]

    package init(sigmas: [Double], states: [Tensor<Element>], slopes: [Tensor<Element>]) {
        self.sigmas = sigmas
        self.states = states
        self.slopes = slopes
    }

    /// Solves from `start` = x_T along `times` with iPNDM of order 4.
    package init(
        _ denoiser: some Denoiser<Element>, process: NoiseProcess, times: [Double], start: Tensor<Element>,
        given condition: Condition, seeds: [Int64]? = nil
    ) throws {
        let program = try Solver(.ipndm, order: 4).program(process: process, times: times)
        var registers: [Int: Tensor<Element>] = [:]
        _ = try Executor(denoiser: denoiser, given: condition, seeds: seeds).run(program, from: start) {
            registers[$0] = $1
        }
        let scaled = zip(program.states, times).compactMap { register, time in
            registers[register]?.scaled(by: 1 / process.alpha(time))
        }
        sigmas = times.map { process.scaledSigma($0) }
        states = scaled
        slopes = program.evaluationRegisters.enumerated().compactMap { index, register in
            let sigma = process.scaledSigma(times[index])
            return registers[register].map { output in
                weightedSum([(1 / sigma, scaled[index]), (-1 / sigma, output)])
            }
        }
    }
}

extension StepProgram {
    /// The registers that hold D, in the order of evaluation.
    fileprivate var evaluationRegisters: [Register] {
        instructions.enumerated().compactMap { index, instruction in
            if case .evaluate = instruction { return index + 1 }
            return nil
        }
    }
}
