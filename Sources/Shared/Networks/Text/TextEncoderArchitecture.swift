import Diagnostics
import Engine
import Formats

/// The text encoder of CLIP (Radford et al. 2021): its sizes, and the way in which a file names its tensors.
package struct TextEncoderArchitecture: Sendable, Equatable {
    package enum Naming: Sendable, Equatable {
        /// transformers' names: `encoder.layers.0.self_attn.q_proj`.
        case huggingFace
        /// The names of openai/CLIP and OpenCLIP, which keep queries, keys and values in one matrix:
        /// `transformer.resblocks.0.attn.in_proj_weight`.
        case fused
    }

    package var naming: Naming
    /// The text before the tensors' names.
    package var prefix: String
    package var width: Int
    /// The width inside the feed-forward layers.
    package var hiddenWidth: Int
    /// The layers in the file.
    package var layers: Int
    /// The layers at the end that are left out; the last norm still follows.
    package var skippedLayers = 0
    package var heads: Int
    /// The number of tokens of a text.
    package var positions: Int
    package var activation: GaussianUnit.Form

    private static let prefixes: [(Naming, String)] = [
        (.huggingFace, "cond_stage_model.transformer.text_model."), (.huggingFace, "cond_stage_model.transformer."),
        (.huggingFace, "text_model."), (.huggingFace, "text_encoder.text_model."), (.huggingFace, ""),
        (.fused, "cond_stage_model.model."), (.fused, ""),
    ]

    /// Recognizes a text encoder by the names and shapes of its tensors; nil if the file has none.
    ///
    /// Shapes do not show the heads, the activation and the layers to be left out. The encoder of Stable Diffusion 1,
    /// of width 768, and others have heads of 64 channels and the logistic activation. OpenCLIP's, of width 1024, has
    /// the exact one, and leaves out its last layer if the file has all 24. The caller changes what its configuration
    /// says otherwise.
    package init?(weights: any WeightSource) {
        let found = Self.prefixes.first { weights.shape(of: $0.1 + Self.tokenTable($0.0)) != nil }
        guard let (naming, prefix) = found, let table = weights.shape(of: prefix + Self.tokenTable(naming)),
            table.count == 2
        else { return nil }
        self.naming = naming
        self.prefix = prefix
        width = table[1]
        func shape(_ name: String) -> [Int]? { weights.shape(of: prefix + name) }
        positions = shape(Self.positionTable(naming))?.first ?? 0
        let root = prefix + Self.layers(naming)
        let numbers = weights.tensorNames.filter { $0.hasPrefix(root) }
            .compactMap { UInt16($0.dropFirst(root.count).prefix { $0 != "." }) }
        // A layer counts even if tensors of it are missing, so that these are named when it is made.
        layers = numbers.max().map { min(Int($0), 1 << 10) + 1 } ?? 0
        hiddenWidth = shape(Self.layer(naming, 0) + Self.feedForward(naming)[0] + ".weight")?.first ?? 4 * width
        heads = max(1, width / 64)
        activation = width == 1024 ? .exact : .logistic
        skippedLayers = width == 1024 && layers == 24 ? 1 : 0
    }

    /// Throws `data` if the sizes do not fit each other.
    package func validate() throws {
        guard heads > 0, width.isMultiple(of: heads), layers > skippedLayers, hiddenWidth > 0, positions > 1 else {
            throw Failure(
                .data, place: "text encoder",
                "\(layers - skippedLayers) of \(counted(layers, "layer")) of width \(width) with \(counted(heads, "head")) for "
                    + "\(counted(positions, "token")) make no text encoder")
        }
    }

    // MARK: - Names

    static func tokenTable(_ naming: Naming) -> String {
        naming == .huggingFace ? "embeddings.token_embedding.weight" : "token_embedding.weight"
    }

    static func positionTable(_ naming: Naming) -> String {
        naming == .huggingFace ? "embeddings.position_embedding.weight" : "positional_embedding"
    }

    private static func layers(_ naming: Naming) -> String {
        naming == .huggingFace ? "encoder.layers." : "transformer.resblocks."
    }

    static func layer(_ naming: Naming, _ index: Int) -> String { "\(layers(naming))\(index)." }

    static func norms(_ naming: Naming) -> [String] {
        naming == .huggingFace ? ["layer_norm1", "layer_norm2"] : ["ln_1", "ln_2"]
    }

    static func feedForward(_ naming: Naming) -> [String] {
        naming == .huggingFace ? ["mlp.fc1", "mlp.fc2"] : ["mlp.c_fc", "mlp.c_proj"]
    }

    static func lastNorm(_ naming: Naming) -> String { naming == .huggingFace ? "final_layer_norm" : "ln_final" }
    static func attention(_ naming: Naming) -> String { naming == .huggingFace ? "self_attn." : "attn." }
}
