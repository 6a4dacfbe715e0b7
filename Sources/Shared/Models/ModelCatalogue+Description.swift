import Checkpoints
import Diagnostics
import Networks

extension ModelCatalogue {
    /// Returns a description of the file behind a model's name. Throws `usage` for a model that is not one network file, and
    /// whatever `ModelDescription` throws.
    package static func describe(_ name: String) throws -> ModelDescription {
        let path =
            switch try ModelSpecification(name) {
            case .embedded(let model): try ResourceLocator.standard.path(of: model.modelFile)
            case .checkpoint(let path): path
            default: throw Failure(.usage, place: "description", "\(name) is no model file")
            }
        let weights = try CheckpointFile.open(path)
        if PointCloudConfiguration.describes(weights) {
            let configuration = try locating(path) { try PointCloudConfiguration(weights) }
            let process = try PointCloudModel.levels(of: configuration, in: path).process
            return try ModelDescription(path: path, name: name, architecture: PointCloudConfiguration.architecture) {
                _ in
                process.spelling
            }
        }
        // A configuration that our networks cannot read, such as that of a latent U-Net, is shown as it is.
        return try ModelDescription(path: path, name: name) { try? NetworkModel.processSpelling(of: $0) }
    }
}
