import Checkpoints
import Diagnostics

extension ModelCatalogue {
    /// What the file behind a model's name holds. Throws `usage` for models that are no single network file, and what
    /// `ModelDescription` throws.
    package static func describe(_ name: String) throws -> ModelDescription {
        let path =
            switch try ModelSpecification(name) {
            case .embedded: try ResourceLocator.standard.path(of: "mnist32-edm.safetensors")
            case .checkpoint(let path): path
            default: throw Failure(.usage, place: "--describe", "\(name) is no model file")
            }
        // A configuration that our networks cannot read, a latent U-Net's for one, is shown as it is.
        return try ModelDescription(path: path, name: name) { try? NetworkModel.processSpelling(of: $0) }
    }
}
