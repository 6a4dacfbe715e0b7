import Diffusion
import Tensors

/// The 1-D mixture of M11.12.
package func smallMixture(_ process: NoiseProcess) throws -> MixtureDenoiser<Double> {
    try MixtureDenoiser(
        weights: [0.3, 0.7], means: Tensor(shape: [2, 1], elements: [-0.4, 0.5]),
        deviations: Tensor(shape: [2, 1], elements: [0.1, 0.2]), process: process)
}

/// A mixture of K = 4 components in d = 2 with c = 0.3 (M11.4).
package func planeMixture(_ process: NoiseProcess = .edm) throws -> MixtureDenoiser<Double> {
    try MixtureDenoiser(
        weights: [0.2, 0.3, 0.1, 0.4],
        means: Tensor(shape: [4, 2], elements: [0.7, 0.2, -0.5, 0.6, 0.1, -0.8, -0.3, -0.4]),
        deviations: Tensor(shape: [4], elements: [0.3, 0.3, 0.3, 0.3]), process: process)
}
