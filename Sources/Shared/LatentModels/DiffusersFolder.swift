import Diagnostics
import Formats
import Networks

/// A folder of diffusers, as files: `model_index.json`, and for each component a folder with its settings and weights.
struct DiffusersFolder: Sendable {
    let path: String
    /// The variant of the weights that goes before the others, such as `fp16`; nil if none does.
    var variant: String?

    private static let index = "model_index.json"
    private static let scheduler = "scheduler/scheduler_config.json"
    private static let tokens = "tokenizer/vocab.json"
    private static let merges = "tokenizer/merges.txt"
    /// Tokens and merges in one file.
    private static let joinedTokens = "tokenizer/tokenizer.json"
    private static let tokenizerSettings = ["tokenizer/special_tokens_map.json", "tokenizer/tokenizer_config.json"]

    /// Whether `path` is such a folder.
    static func isFolder(_ path: String) -> Bool { DiffusersFolder(path: path).has(index) }

    private func place(_ name: String) -> String { "\(path)/\(name)" }
    private func has(_ name: String) -> Bool { hasFile(place(name)) }

    /// Returns the folder of one network.
    func folder(of component: LatentComponent.Kind) -> ComponentFolder {
        ComponentFolder(component: component, path: place(component.rawValue), variant: variant)
    }

    /// Returns a note for the user if a variant goes before the others and some of `components` lack it, as one sentence without
    /// a subject. Throws `usage` if all lack it.
    func remarkOnVariant(of components: [LatentComponent.Kind]) throws -> String? {
        guard let variant else { return nil }
        let folders = components.map(folder)
        if !folders.contains(where: \.hasVariant) { try folders.first?.requireVariant() }
        let others = folders.filter { !$0.hasVariant && $0.hasWeights }.map(\.component.rawValue)
        guard !others.isEmpty else { return nil }
        return "has no weights `\(variant)` in \(others.joined(separator: " and ")), whose usual ones are read"
    }

    /// Returns the digest of all files that are read (docs/STREAM.md, `ld3.model_sha256`). Before that, nothing is read but
    /// the lists of shards.
    func digest() throws -> String {
        var names = [Self.index, Self.scheduler, Self.tokens, Self.merges] + Self.tokenizerSettings
        if !has(Self.tokens) { names.append(Self.joinedTokens) }
        for component in LatentComponent.Kind.allCases {
            names += try folder(of: component).fileNames().map { "\(component.rawValue)/\($0)" }
        }
        return try modelDigest(ofFiles: names.filter(has), in: path)
    }

    /// Calls `body` with a file of settings, and names the file in its failures.
    private func reading<Result>(_ name: String, _ body: (JSONValue) throws -> Result) throws -> Result {
        let document = try JSONValue(file: place(name), isPythons: true)
        return try locating(place(name)) { try body(document) }
    }

    /// Calls `body` with the list of components, `model_index.json`.
    func index<Result>(_ body: (JSONValue) throws -> Result) throws -> Result { try reading(Self.index, body) }

    /// Calls `body` with the settings of the scheduler.
    func scheduler<Result>(_ body: (JSONValue) throws -> Result) throws -> Result {
        try reading(Self.scheduler, body)
    }

    /// Returns the settings of the folder's own decoder; nil if it has none.
    func ownDecoder() throws -> AutoencoderSettings? {
        let folder = folder(of: .autoencoder)
        return try folder.hasSettings ? folder.settings { try AutoencoderSettings($0) } : nil
    }

    var hasTokenizer: Bool { has(Self.tokens) || has(Self.joinedTokens) }

    /// Returns the tokenizer. Throws `noInput` if a file is missing, `data` if one is corrupt.
    func tokenizer() throws -> Tokenizer {
        let limit = 1 << 26, isJoined = !has(Self.tokens) && has(Self.joinedTokens)
        let file = isJoined ? Self.joinedTokens : Self.tokens
        let document = try JSONValue(file: place(file), limit: limit)
        let merges = try isJoined ? nil : Descriptor.contents(of: place(Self.merges), limit: limit)
        let padding = try paddingToken()
        return try locating(place(file)) {
            let tokens = isJoined ? document["model"]?["vocab"] ?? .null : document
            let number = padding.map { tokens[$0]?.integer }
            if let padding, number == .some(nil) { throw Failure(.data, "lacks the token of padding, `\(padding)`") }
            let vocabulary = try TokenVocabulary(json: tokens, merges: merges ?? Self.merges(in: document))
            return Tokenizer(vocabulary, padding: number ?? nil)
        }
    }

    /// Returns the lines of `merges.txt` that a `tokenizer.json` holds as texts or as pairs of texts.
    private static func merges(in document: JSONValue) throws -> [UInt8] {
        let lines = document["model"]?["merges"]?.elements?.map { merge in
            merge.string ?? merge.elements?.compactMap(\.string).joined(separator: " ") ?? ""
        }
        guard let lines else { throw Failure(.data, "lacks model.merges") }
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// Returns the token with which texts are padded; nil for the mark of a text's end.
    private func paddingToken() throws -> String? {
        for name in Self.tokenizerSettings where has(name) {
            let token = try JSONValue(file: place(name), isPythons: true)["pad_token"]
            if let word = token?.string ?? token?["content"]?.string { return word }
        }
        return nil
    }
}
