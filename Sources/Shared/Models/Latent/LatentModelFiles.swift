import Checkpoints
import Diagnostics
import Formats
import Networks

/// The files of a latent diffusion model, whatever their containers.
package struct LatentModelFiles: Sendable {
    package var configuration: LatentConfiguration
    /// The tensors under the names of CompVis' single file: `model.diffusion_model.`, `first_stage_model.` and
    /// `cond_stage_model.`.
    package var weights: any WeightSource
    /// Returns the tokenizer of the text encoder.
    package var tokenizer: @Sendable () throws -> Tokenizer
    /// The digest of the files (docs/STREAM.md, `ld3.model_sha256`).
    package var digest: String
    /// Notes for the user about the choice of the weights, one sentence each.
    package var remarks: [String]

    package static let networkPrefix = "model.diffusion_model."
    package static let decoderPrefix = "first_stage_model."
    package static let conditionPrefix = "cond_stage_model."

    /// Opens the model at `path`; nil if it is no latent diffusion model.
    ///
    /// Throws `data`, naming the path, if it is one that cannot be read.
    package static func open(_ path: String) throws -> LatentModelFiles? {
        let weights = try CheckpointFile.open(path)
        guard weights.shape(of: networkPrefix + "input_blocks.0.0.weight") != nil else { return nil }
        return try locating(path) {
            guard let document = try weights.document else {
                throw Failure(.data, "does not tell its architecture")
            }
            return LatentModelFiles(
                configuration: try LatentConfiguration(compVis: document, weights: weights), weights: weights,
                tokenizer: { try shippedTokenizer() }, digest: try modelDigest(ofFile: path),
                remarks: weights.remarks.map { "\(path) \($0)" })
        }
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
