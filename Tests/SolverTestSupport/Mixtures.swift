import Diffusion
import Tensors

/// The one-dimensional mixture of the golden values.
package func smallMixture(_ process: NoiseProcess) throws -> MixtureDenoiser<Double> {
    try MixtureDenoiser(
        weights: [0.3, 0.7], means: Tensor(shape: [2, 1], elements: [-0.4, 0.5]),
        deviations: Tensor(shape: [2, 1], elements: [0.1, 0.2]), process: process)
}

/// A mixture of four components in the plane, each with deviation 0.3.
package func planeMixture(_ process: NoiseProcess = .edm) throws -> MixtureDenoiser<Double> {
    try MixtureDenoiser(
        weights: [0.2, 0.3, 0.1, 0.4],
        means: Tensor(shape: [4, 2], elements: [0.7, 0.2, -0.5, 0.6, 0.1, -0.8, -0.3, -0.4]),
        deviations: Tensor(shape: [4], elements: [0.3, 0.3, 0.3, 0.3]), process: process)
}
