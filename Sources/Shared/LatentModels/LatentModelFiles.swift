import Checkpoints
import Diagnostics
import Formats
import Networks
import TensorStream

/// The files of a latent diffusion model, whatever their containers.
package struct LatentModelFiles: Sendable {
    package var configuration: LatentConfiguration
    /// The tensors under the names of CompVis' single file: `model.diffusion_model.`, `first_stage_model.` and
    /// `cond_stage_model.`.
    package var weights: any WeightSource
    /// The tensors under the names of the files, those of networks in folders or files of their own behind `unet/`, `vae/` and
    /// `text_encoder/`.
    package let stored: any WeightSource
    /// Returns the tokenizer of the text encoder.
    package var tokenizer: @Sendable () throws -> Tokenizer
    /// The digest of the model's own files (docs/STREAM.md, `ld3.model_sha256`).
    package var digest: String
    /// The set of weights that these are; nil if the file holds one, or if no variant of a folder was asked for.
    package var weightSet: WeightSet?
    /// Notes for the user about the choice of the weights, one sentence each.
    package var remarks: [String]
    /// The parts that the user gives, with the paths and digests of their files.
    package var parts: [ModelPart: ModelIdentity]
    /// The files of the networks, for messages.
    let places: TensorPlaces
    /// The file or folder of the model.
    package var path: String { places.path }

    package static let networkPrefix = "model.diffusion_model."
    package static let decoderPrefix = "first_stage_model."
    package static let conditionPrefix = "cond_stage_model."

    /// Whether a folder of diffusers is at `path`, with a whole model or one network.
    package static func isFolder(_ path: String) -> Bool { ComponentFolder(.unet, in: path) != nil }

    /// Opens the model in a folder; nil if `path` is none. Throws `noInput` if it is no folder of diffusers, and `usage` if an
    /// architecture is given for a folder that tells its own, or weights that it does not have.
    package static func inFolder(
        _ path: String, architecture: JSONValue?, weightSet: WeightSet? = nil, parts: [ModelPart: String]
    ) throws -> LatentModelFiles? {
        if DiffusersFolder.isFolder(path) {
            guard architecture == nil else {
                throw Failure(.usage, place: "architecture", "the folder \(path) tells its own")
            }
            return try LatentModelFiles(
                diffusers: DiffusersFolder(path: path, variant: weightSet?.rawValue), parts: parts)
        }
        if let folder = ComponentFolder(.unet, in: path, variant: weightSet?.rawValue) {
            return try LatentModelFiles(unet: folder, architecture: architecture, parts: parts)
        }
        if isDirectory(path) { try requireFile(path) }
        return nil
    }

    /// Returns the digest of a folder of diffusers, of which only lists of shards are parsed.
    package static func digest(ofFolder path: String, weightSet: WeightSet?) throws -> String {
        let variant = weightSet?.rawValue
        if DiffusersFolder.isFolder(path) { return try DiffusersFolder(path: path, variant: variant).digest() }
        return try ComponentFolder(component: .unet, path: path, variant: variant).digest()
    }

    /// Throws `noInput` unless there is a file at `path`, or a folder of diffusers.
    package static func requireFile(_ path: String) throws {
        guard !isFolder(path) else { return }
        guard !isDirectory(path) else {
            throw Failure(
                .noInput, place: path,
                "is a folder with neither model_index.json nor config.json, so none of diffusers",
                suggestion: "name a file in it, or the folder that has one of them")
        }
        try Descriptor.requireFile(path)
    }

    /// Returns CLIP's tokenizer with the vocabulary that ships with the programs.
    ///
    /// - Parameter padding: the number of the token behind the end; nil for the mark of the end itself.
    package static func shippedTokenizer(padding: Int? = nil) throws -> Tokenizer {
        let path = try ResourceLocator.standard.path(of: "bpe_simple_vocab_16e6.txt.gz")
        return try locating(path) {
            let text = try ByteRegion(MappedFile(path: path)).gunzipped(limit: 1 << 24)
            return Tokenizer(try TokenVocabulary(openAI: text), padding: padding)
        }
    }
}
