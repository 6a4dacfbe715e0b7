import Diffusion
import Solvers
import Tensors

extension Model {
    /// x_N of the program from unit noise [B, sample shape]; x_T is the noise times the process' prior scale.
    ///
    /// Throws `internal`, naming seed and step, where the network returns NaN or infinity.
    package func solve(
        _ program: StepProgram<Double>, from noise: Tensor<Float>, labels: [Int]?, seeds: [Int64]
    ) throws -> Tensor<Float> {
        guard noise.batch > 0 else { return noise }
        return try executor(labels: labels, seeds: seeds).run(program, from: start(noise))
    }

    /// log |det d x_N / d x_T| of every sample, [B] (M9.2).
    package func logDeterminants(
        _ program: StepProgram<Double>, from noise: Tensor<Float>, labels: [Int]?, seeds: [Int64]
    ) throws -> [Double] {
        guard noise.batch > 0 else { return [] }
        return try executor(labels: labels, seeds: seeds).logDeterminants(
            program, from: start(noise), batch: defaultBatch)
    }

    private func start(_ noise: Tensor<Float>) -> Tensor<Float> {
        let scale = Float(process.priorScale)
        return noise.map { $0 * scale }
    }

    private func executor(labels: [Int]?, seeds: [Int64]) -> Executor<Float> {
        func executor(_ denoiser: some Denoiser<Float>) -> Executor<Float> {
            Executor(denoiser: denoiser, labels: labels, seeds: seeds)
        }
        return executor(denoiser)
    }
}
