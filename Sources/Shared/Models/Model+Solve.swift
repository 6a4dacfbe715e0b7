import Diffusion
import Solvers
import Tensors

extension Model {
    /// Returns the program's solutions x_N [B, target shape] for unit noises [B, sample shape], whose start x_T is the noise
    /// times the process' prior scale.
    ///
    /// Throws `NetworkBreakdown` if the network returns NaN or infinity.
    package func solve(
        _ program: StepProgram<Double>, from noise: Tensor<Float>, given condition: Condition, seeds: [Int64]
    ) throws -> Tensor<Float> {
        guard noise.batch > 0 else { return noise }
        return try executor(condition, seeds).run(program, from: start(noise))
    }

    /// Returns log |det d x_N / d x_T| of every sample, [B] (paper, Theorem 1).
    package func logDeterminants(
        _ program: StepProgram<Double>, from noise: Tensor<Float>, given condition: Condition, seeds: [Int64]
    ) throws -> [Double] {
        guard noise.batch > 0 else { return [] }
        return try executor(condition, seeds).logDeterminants(program, from: start(noise), batch: defaultBatch)
    }

    private func start(_ noise: Tensor<Float>) -> Tensor<Float> {
        let scale = Float(process.priorScale)
        return noise.map { $0 * scale }
    }

    private func executor(_ condition: Condition, _ seeds: [Int64]) -> Executor<Float> {
        func executor(_ denoiser: some Denoiser<Float>) -> Executor<Float> {
            Executor(denoiser: denoiser, given: condition, seeds: seeds)
        }
        return executor(denoiser)
    }
}
