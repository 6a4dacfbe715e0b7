import Checkpoints
import Diagnostics
import Formats
import Networks

/// The files of a latent diffusion model, whatever their containers.
package struct LatentModelFiles: Sendable {
    /// The file or folder, for messages.
    package let path: String
    package var configuration: LatentConfiguration
    /// The tensors under the names of CompVis' single file: `model.diffusion_model.`, `first_stage_model.` and
    /// `cond_stage_model.`.
    package var weights: any WeightSource
    /// Returns the tokenizer of the text encoder.
    package var tokenizer: @Sendable () throws -> Tokenizer
    /// The digest of the files (docs/STREAM.md, `ld3.model_sha256`).
    package var digest: String
    /// The set of weights that these are; nil if the files hold one.
    package var weightSet: WeightSet?
    /// Notes for the user about the choice of the weights, one sentence each.
    package var remarks: [String]

    package static let networkPrefix = "model.diffusion_model."
    package static let decoderPrefix = "first_stage_model."
    package static let conditionPrefix = "cond_stage_model."

    /// Opens the model at `path`, a file of any container or a folder of diffusers; nil if it is no latent diffusion model.
    ///
    /// - Parameters:
    ///   - architecture: CompVis' configuration, for a file whose names and shapes do not tell enough.
    ///   - weightSet: the set of weights to be taken if the file holds two.
    ///
    /// Throws `noInput` if a file cannot be opened, and `data`, naming the path, if the model is none that can be read.
    package static func open(
        _ path: String, architecture: JSONValue? = nil, weightSet: WeightSet = .averaged
    ) throws -> LatentModelFiles? {
        if DiffusersFolder.isFolder(path) { return try LatentModelFiles(diffusers: DiffusersFolder(path: path)) }
        return try LatentModelFiles(
            try CheckpointFile.open(path), path: path, architecture: architecture, weightSet: weightSet)
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

// MARK: - Single files

extension LatentModelFiles {
    /// Makes the model of a file that `CheckpointFile.open` has opened; nil if it is no latent diffusion model.
    init?(
        _ file: any WeightSource, path: String, architecture: JSONValue? = nil, weightSet: WeightSet = .averaged
    ) throws {
        self.path = path
        try locating(path) { try OtherLatentFiles.refuse(file) }
        guard let stored = Self.named(file) else { return nil }
        let averages = stored.withAverages()
        weights = weightSet == .averaged ? averages ?? stored : stored
        self.weightSet = averages == nil ? nil : weightSet
        configuration = try locating(path) { [weights] in
            try OtherLatentFiles.refuseUNet(stored, prefix: Self.networkPrefix)
            let document = try architecture ?? file.document
            guard let document, document["params"]?["unet_config"] != nil else {
                return try LatentConfiguration(shapesOf: weights, document: document)
            }
            return try LatentConfiguration(compVis: document, weights: weights)
        }
        let padding = configuration.text?.naming == .fused ? 0 : nil
        tokenizer = { try Self.shippedTokenizer(padding: padding) }
        digest = try modelDigest(ofFile: path)
        remarks = file.remarks.map { "\(path) \($0)" }
    }

    /// Returns the file's weights under CompVis' names; nil if it has no U-Net with a first stage beside it.
    private static func named(_ file: any WeightSource) -> (any WeightSource)? {
        guard file.shape(of: networkPrefix + "input_blocks.0.0.weight") != nil,
            let prefix = AutoencoderArchitecture.prefix(in: file)
        else { return nil }
        guard prefix != decoderPrefix else { return file }
        let parts = ["decoder.", "encoder.", "quant_conv.", "post_quant_conv.", "quantize."].map { prefix + $0 }
        return file.renamed { name in
            parts.contains(where: name.hasPrefix) ? decoderPrefix + name.dropFirst(prefix.count) : name
        }
    }
}

/// One of two sets of weights that a file may hold.
package enum WeightSet: String, Sendable, CaseIterable {
    /// The averages over training.
    case averaged = "ema"
    /// The weights of the last step of training.
    case raw
}
