import Diagnostics
import Diffusion
import Formats
import Networks
import Tensors

/// A checkpoint of a point cloud model, opened: what `ModelCatalogue` makes a model of.
struct PointCloudModel {
    let denoiser: PointCloudDenoiser
    /// nil for an autoencoder, which draws no shapes.
    let encoder: ShapeEncoder?

    var process: NoiseProcess { denoiser.process }
    var conditionInputs: ConditionInputs {
        ConditionInputs(required: [PointCloudDenoiser.conditionName: [denoiser.network.shapeCount]])
    }

    /// Throws `data` if the weights are not those of a point cloud model that is computed here, naming the file.
    init(_ weights: any WeightSource, path: String, pool: ThreadPool) throws {
        let generator = try locating(path) { try PointCloudGenerator(weights: weights, pool: pool) }
        denoiser = PointCloudDenoiser(
            network: generator.network, levels: try Self.levels(of: generator.configuration, in: path),
            pointCount: generator.configuration.pointCount)
        encoder = generator.configuration.prior.map { _ in
            ShapeEncoder(count: generator.shapeCount, flow: generator.flow, pool: pool)
        }
    }

    /// Throws `usage` if `process` is another one than the model's own.
    func check(_ process: NoiseProcess?) throws {
        guard let process, process != self.process else { return }
        throw Failure(
            .usage, place: "--process", "the model's own process is \(self.process.spelling), not \(process.spelling)")
    }

    static func levels(of configuration: PointCloudConfiguration, in path: String) throws -> LinearNoiseLevels {
        guard
            let levels = LinearNoiseLevels(
                count: configuration.levelCount, first: configuration.firstLevel, last: configuration.lastLevel)
        else { throw Failure(.data, place: path, "has noise levels that do not rise within (0, 1)") }
        return levels
    }
}
