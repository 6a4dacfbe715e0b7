import Diagnostics
import Diffusion
import Networks
import TensorStream
import Tensors

/// Turns prompts or classes into the contexts that the U-Net of a latent diffusion model reads.
struct ContextEncoder: ConditionEncoder {
    /// The tensor of a stream that holds contexts which were made elsewhere, [B, tokens, width].
    static let tensorName = "condition.context"

    /// A context by what it is made of.
    enum Key: Hashable {
        /// -1 stands for no class.
        case label(Int)
        case text(String)
    }

    enum Source: Sendable {
        case none
        case classes(ClassEmbedder)
        case text(Deferred<(tokenizer: Tokenizer, encoder: TextEncoder)>, TextEncoderArchitecture)
    }

    private let source: Source

    /// Throws `data` if the weights lack the table of classes.
    init(_ files: LatentModelFiles, pool: ThreadPool) throws {
        switch files.configuration.condition {
        case .none: source = .none
        case .classes:
            source = .classes(try ClassEmbedder(weights: files.weights, prefix: LatentModelFiles.conditionPrefix))
        case .text(let architecture):
            let deferred = Deferred {
                (
                    tokenizer: try files.tokenizer(),
                    encoder: try TextEncoder(weights: files.weights, architecture: architecture, pool: pool)
                )
            }
            source = .text(deferred, architecture)
        }
    }

    /// The number of classes; 0 if the model is told none.
    var labelCount: Int {
        if case .classes(let embedder) = source { embedder.classes } else { 0 }
    }

    var readsPrompts: Bool {
        if case .text = source { true } else { false }
    }

    /// The shape of a context, [tokens, width]; nil if the network reads none.
    var contextShape: [Int]? {
        switch source {
        case .none: nil
        case .classes(let embedder): [1, embedder.width]
        case .text(_, let architecture): [architecture.positions, architecture.width]
        }
    }

    /// Gives samples without prompts the empty prompt if the model reads prompts.
    func encode(_ given: Condition, seeds: [Int64]) -> Condition {
        var encoded = given
        if readsPrompts, given.prompts == nil { encoded.prompts = seeds.map { _ in nil } }
        return encoded
    }

    /// Returns the key of each sample's context.
    func keys(_ condition: Condition, count: Int) -> [Key] {
        readsPrompts
            ? (condition.prompts ?? [String?](repeating: nil, count: count)).map { .text($0 ?? "") }
            : (condition.classes ?? [Int](repeating: -1, count: count)).map { .label($0) }
    }

    /// Returns the contexts of `keys`, [count, tokens, width]. Throws `data` if there is no such class.
    func contexts(_ keys: [Key]) throws -> Tensor<Float> {
        switch source {
        case .none: preconditionFailure("a network without context has no keys")
        case .classes(let embedder):
            return try embedder.contexts(keys.map { if case .label(let label) = $0 { label } else { -1 } })
        case .text(let networks, let architecture):
            let (tokenizer, encoder) = try networks.value()
            return try encoder.encode(
                keys.map { key in
                    let text = if case .text(let text) = key { text } else { "" }
                    return tokenizer.tokens(text, length: architecture.positions).numbers
                })
        }
    }

    /// Tells in one sentence which prompts are cut, and the text that is left out.
    func notes(on prompts: [String]) throws -> [String] {
        guard case .text(let networks, let architecture) = source, !prompts.isEmpty else { return [] }
        let tokenizer = try networks.value().tokenizer
        let cut = prompts.compactMap { prompt in
            tokenizer.tokens(prompt, length: architecture.positions).cutText.map { (prompt, $0) }
        }
        guard let (prompt, text) = cut.first else { return [] }
        let others = cut.count > 1 ? " (and \(counted(cut.count - 1, "other prompt")) too)" : ""
        return [
            "the prompt `\(prompt.prefix(40))...` has more than \(architecture.positions - 2) tokens: "
                + "`\(text)` is cut off\(others)"
        ]
    }
}
