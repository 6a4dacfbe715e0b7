import Checkpoints
import Diagnostics
import Networks

extension ModelCatalogue {
    /// Returns a description of the file behind a model's name. Throws `usage` for a model that is not one network file, and
    /// whatever `ModelDescription` throws.
    package static func describe(_ name: String) throws -> ModelDescription {
        let path =
            switch try ModelSpecification(name) {
            case .embedded: try ResourceLocator.standard.path(of: "mnist32-edm.safetensors")
            case .checkpoint(let path): path
            default: throw Failure(.usage, place: "description", "\(name) is no model file")
            }
        let file = try CheckpointFile.open(path)
        let cloud = (try? file.named(landmark: PointCloudConfiguration.landmark)) ?? file
        guard PointCloudConfiguration.describes(cloud) else {
            // A configuration that our networks cannot read is shown as it is.
            let process = (try? file.document).flatMap { try? NetworkModel.processSpelling(of: $0) }
            return try ModelDescription(file, name: name, knowledge: .init(process: process))
        }
        let configuration = try locating(path) { try PointCloudConfiguration(cloud) }
        let process = try PointCloudModel.levels(of: configuration, in: path).process.spelling
        return try ModelDescription(
            file, name: name,
            knowledge: .init(architecture: PointCloudConfiguration.architecture, process: process))
    }
}
