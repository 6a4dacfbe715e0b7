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
        let scale = Float(process.priorScale)
        let start = noise.map { $0 * scale }
        func run(_ denoiser: some Denoiser<Float>) throws -> Tensor<Float> {
            try Executor(denoiser: denoiser, labels: labels, seeds: seeds).run(program, from: start)
        }
        return try run(denoiser)
    }
}
