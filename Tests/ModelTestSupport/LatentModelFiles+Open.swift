import Checkpoints
import Formats
import LatentModels

extension LatentModelFiles {
    /// Opens the model at `path`, a file of any container or a folder of diffusers; nil if it is no latent diffusion model.
    ///
    /// - Parameters:
    ///   - architecture: CompVis' configuration, for a file whose names and shapes do not tell enough.
    ///   - weightSet: the set of weights to be taken if the file holds two.
    ///   - parts: the files or folders of networks that go before the model's own.
    ///
    /// Throws `noInput` if a file cannot be opened, and `data`, naming the path, if the model is none that can be read.
    package static func open(
        _ path: String, architecture: JSONValue? = nil, weightSet: WeightSet? = nil,
        parts: [ModelPart: String] = [:]
    ) throws -> LatentModelFiles? {
        let inFolder = try inFolder(path, architecture: architecture, weightSet: weightSet, parts: parts)
        if let inFolder { return inFolder }
        return try LatentModelFiles(
            try CheckpointFile.open(path), path: path, architecture: architecture, weightSet: weightSet ?? .averaged,
            parts: parts)
    }
}
