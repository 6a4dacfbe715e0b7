import Diagnostics
import Diffusion
import Networks
import Tensors

/// Turns prompts or classes into the contexts that the U-Net of a latent diffusion model reads.
struct ContextEncoder: ConditionEncoder {
    /// The tensor of a stream that holds contexts which were made elsewhere, [B, tokens, width].
    static let tensorName = "condition.context"

    /// A context by what it is made of.
    enum Key: Hashable {
        /// -1 stands for no class.
        case label(Int)
        case text(Prompt)
    }

    private enum Source: Sendable {
        case classes(ClassEmbedder)
        case text(Deferred<(tokenizer: Tokenizer, encoder: TextEncoder)>, TextEncoderArchitecture)
    }

    private let source: Source

    /// Returns nil if the network reads no context. Throws `data` if the weights lack the table of classes.
    init?(_ files: LatentModelFiles, pool: ThreadPool) throws {
        switch files.configuration.condition {
        case .none: return nil
        case .classes:
            let table = try files.places.locating {
                try ClassEmbedder(weights: files.weights, prefix: LatentModelFiles.conditionPrefix)
            }
            source = .classes(table)
        case .text(let architecture):
            let deferred = Deferred(in: files.places) {
                let tokenizer = try files.tokenizer()
                let encoder = try TextEncoder(weights: files.weights, architecture: architecture, pool: pool)
                guard tokenizer.vocabulary.count <= encoder.vocabularyCount else {
                    throw Failure(
                        .data, place: "text encoder",
                        "knows \(encoder.vocabularyCount) tokens, and the tokenizer gives \(tokenizer.vocabulary.count)"
                    )
                }
                return (tokenizer: tokenizer, encoder: encoder)
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

    /// The shape of a context, [tokens, width].
    var contextShape: [Int] {
        switch source {
        case .classes(let embedder): [1, embedder.width]
        case .text(_, let architecture): [architecture.positions, architecture.width]
        }
    }

    /// Gives samples without prompts the empty prompt if the model reads prompts, and if no context stands in its place.
    func encode(_ given: Condition, seeds: [Int64]) -> Condition {
        var encoded = given
        if readsPrompts, given.prompts == nil, given.tensors[Self.tensorName] == nil {
            encoded.prompts = seeds.map { _ in nil }
        }
        return encoded
    }

    /// Returns the key of each sample's context.
    func keys(_ condition: Condition, count: Int) -> [Key] {
        readsPrompts
            ? (condition.prompts ?? [Prompt?](repeating: nil, count: count)).map { .text($0 ?? "") }
            : (condition.classes ?? [Int](repeating: -1, count: count)).map { .label($0) }
    }

    /// Returns the contexts of `keys`, [count, tokens, width]. Throws `data` if there is no such class.
    func contexts(_ keys: [Key]) throws -> Tensor<Float> {
        switch source {
        case .classes(let embedder):
            return try embedder.contexts(keys.map { if case .label(let label) = $0 { label } else { -1 } })
        case .text(let networks, let architecture):
            let (tokenizer, encoder) = try networks.value()
            return try encoder.encode(
                try keys.map { key in
                    let prompt: Prompt = if case .text(let prompt) = key { prompt } else { "" }
                    return try tokens(of: prompt, tokenizer, architecture).numbers
                })
        }
    }

    /// The most bytes of a prompt. A longer one is no text that a model would read, and would take long to split.
    private static let mostBytes = 1 << 14

    /// Throws `data` if the prompt is too long to be read.
    private func tokens(
        of prompt: Prompt, _ tokenizer: Tokenizer, _ architecture: TextEncoderArchitecture
    ) throws -> Tokenizer.Tokens {
        let count = prompt.text.utf8.count
        guard count <= Self.mostBytes else {
            throw Failure(
                .data, "the prompt \(prompt.text.quoted(limit: 40)) has \(count) bytes, more than \(Self.mostBytes)")
        }
        return tokenizer.tokens(prompt.text, length: architecture.positions)
    }

    /// Returns a sentence on each prompt that is cut, without a subject, with the beginning of the text that is left out.
    func cuts(of prompts: [Prompt]) throws -> [String] {
        guard case .text(let networks, let architecture) = source, !prompts.isEmpty else { return [] }
        let tokenizer = try networks.value().tokenizer
        return try prompts.compactMap { prompt in
            try tokens(of: prompt, tokenizer, architecture).cutText.map { text in
                "\(prompt.text.quoted(limit: 40)) has more than \(architecture.positions - 2) tokens: "
                    + "\(text.quoted(limit: 80)) is cut off"
            }
        }
    }
}
