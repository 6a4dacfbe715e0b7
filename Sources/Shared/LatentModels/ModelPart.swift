import Diagnostics
import Formats
import TensorStream

/// A network of a latent diffusion model beside the U-Net, which a file of its own may hold.
package enum ModelPart: String, CaseIterable, Sendable {
    case decoder
    case textEncoder = "text_encoder"

    var kind: LatentComponent.Kind { self == .decoder ? .autoencoder : .textEncoder }
    /// The words for the user.
    package var words: String { self == .decoder ? "decoder" : "text encoder" }
    /// The coordinate of the setting that names the file.
    package var setting: String { "\(words) file" }
    /// The text before the names of the part's tensors in CompVis' single file.
    var prefix: String { self == .decoder ? LatentModelFiles.decoderPrefix : LatentModelFiles.conditionPrefix }
    /// The key by which a stream names the file of the part.
    package var key: String { Key.part(rawValue) }
    /// The key of the file's digest.
    package var digestKey: String { Key.partDigest(rawValue) }

    /// Returns the digest of the part in a file or folder, of which only lists of shards are parsed.
    package func digest(at path: String) throws -> String {
        guard let folder = ComponentFolder(kind, in: path) else { return try modelDigest(ofFile: path) }
        return try folder.digest()
    }
}

extension Dictionary where Key == ModelPart {
    /// The first part that has a value, in the order of `ModelPart.allCases`.
    package var firstPart: ModelPart? { ModelPart.allCases.first { self[$0] != nil } }
}
