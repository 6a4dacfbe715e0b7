import Checkpoints
import Diagnostics
import Formats
import LatentModels
import Networks

extension ModelCatalogue {
    /// Returns a description of the file behind a model's name. Throws `usage` for a model that is not one network file, and
    /// whatever `ModelDescription` throws.
    ///
    /// - Parameters:
    ///   - architecture: the JSON file of the architecture of a checkpoint that does not tell it.
    ///   - parts: the files or folders of networks of a latent diffusion model that go before the model's own.
    package static func describe(
        _ name: String, architecture: String? = nil, parts: [ModelPart: String] = [:]
    ) throws -> ModelDescription {
        let path =
            switch try ModelSpecification(name) {
            case .embedded(let model) where architecture == nil: try ResourceLocator.standard.path(of: model.modelFile)
            case .checkpoint(let path): path
            case .embedded:
                throw Failure(.usage, place: "architecture", "is for a checkpoint, and the model is \(name)")
            default: throw Failure(.usage, place: "description", "\(name) is no model file")
            }
        let document = try architecture.map { try JSONValue(file: $0) }
        if let files = try LatentModelFiles.inFolder(path, architecture: document, parts: parts) {
            return try describe(files, name: name, container: "diffusers folder")
        }
        let file = try CheckpointFile.open(path)
        do {
            if let files = try LatentModelFiles(file, path: path, architecture: document, parts: parts) {
                return try describe(files, name: name, container: nil)
            }
        } catch var failure as Failure where parts.isEmpty {
            // A model that is not computed here is described all the same.
            failure.suggestion = nil
            return try ModelDescription(file, name: name, knowledge: .init(notes: ["\(failure)"]))
        }
        if let part = parts.firstPart {
            throw Failure(.usage, place: part.setting, "is for latent diffusion models; \(path) is none")
        }
        let cloud = (try? file.named(landmark: PointCloudConfiguration.landmark)) ?? file
        guard PointCloudConfiguration.describes(cloud) else {
            // A configuration that our networks cannot read is shown as it is.
            let process = (try? document ?? file.document).flatMap { try? NetworkModel.processSpelling(of: $0) }
            return try ModelDescription(file, name: name, knowledge: .init(process: process, configuration: document))
        }
        let configuration = try locating(path) { try PointCloudConfiguration(cloud) }
        let process = try PointCloudModel.levels(of: configuration, in: path).process.spelling
        return try ModelDescription(
            file, name: name,
            knowledge: .init(architecture: PointCloudConfiguration.architecture, process: process))
    }

    private static func describe(
        _ files: LatentModelFiles, name: String, container: String?
    ) throws -> ModelDescription {
        try ModelDescription(
            files.stored, name: name,
            knowledge: .init(
                architecture: "latent diffusion", process: files.configuration.process.spelling,
                parts: files.descriptions,
                container: container))
    }
}
