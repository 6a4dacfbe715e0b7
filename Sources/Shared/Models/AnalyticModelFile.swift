import Diagnostics
import Diffusion
import Formats
import Tensors

/// The safetensors files behind `gmm:FILE` and `points:FILE`.
struct AnalyticModelFile {
    private let file: SafetensorsFile

    init(path: String) throws { file = try SafetensorsFile(path: path) }

    /// `mixture/weights` [K], `mixture/means` and `mixture/stds` [K, shape].
    func mixture(under process: NoiseProcess) throws -> MixtureDenoiser<Float> {
        try locating(file.path) {
            try MixtureDenoiser(
                weights: tensor("mixture/weights").elements, means: tensor("mixture/means"),
                deviations: tensor("mixture/stds"), process: process)
        }
    }

    /// `points` [K, shape].
    func points(under process: NoiseProcess) throws -> PointsDenoiser<Float> {
        try locating(file.path) { try PointsDenoiser(points: tensor("points"), process: process) }
    }

    private func tensor(_ name: String) throws -> Tensor<Double> { try file.tensor(name).tensor() }
}
