import Checkpoints
import Diagnostics
import Formats
import Networks

/// A folder of diffusers, as files: `model_index.json`, and for each component a folder with its settings and weights.
struct DiffusersFolder: Sendable {
    let path: String

    /// A component that has weights.
    enum Component: String, CaseIterable {
        case unet
        case autoencoder = "vae"
        case textEncoder = "text_encoder"

        /// The files that may hold the weights, without the marks of variants, in the order in which they are looked for.
        fileprivate var files: KeyValuePairs<String, String> {
            switch self {
            case .unet, .autoencoder:
                ["diffusion_pytorch_model": "safetensors", "diffusion_pytorch_model": "bin"]
            case .textEncoder: ["model": "safetensors", "pytorch_model": "bin"]
            }
        }
    }

    /// The marks of variants, in the order in which they are looked for.
    private static let variants = ["", ".fp16", ".bf16"]
    private static let index = "model_index.json"
    private static let scheduler = "scheduler/scheduler_config.json"
    private static let tokens = "tokenizer/vocab.json"
    private static let merges = "tokenizer/merges.txt"
    private static let tokenizerSettings = ["tokenizer/special_tokens_map.json", "tokenizer/tokenizer_config.json"]

    /// Whether `path` is such a folder.
    static func isFolder(_ path: String) -> Bool { DiffusersFolder(path: path).has(index) }

    private func place(_ name: String) -> String { "\(path)/\(name)" }
    private func has(_ name: String) -> Bool { (try? Descriptor.requireFile(place(name))) != nil }

    /// Returns the digest of all files that are read (docs/STREAM.md, `ld3.model_sha256`). Before that, nothing is read but
    /// the lists of shards.
    func digest() throws -> String {
        var names = [Self.index, Self.scheduler, Self.tokens, Self.merges] + Self.tokenizerSettings
        for component in Component.allCases {
            names.append("\(component.rawValue)/config.json")
            names += try weightFiles(of: component).map { [$0.list].compactMap(\.self) + $0.files } ?? []
        }
        return try modelDigest(ofFiles: names.filter(has), in: path)
    }

    // MARK: - Settings

    /// Calls `body` with a file of settings, and names the file in its failures.
    private func reading<Result>(_ name: String, _ body: (JSONValue) throws -> Result) throws -> Result {
        let document = try JSONValue(file: place(name))
        return try locating(place(name)) { try body(document) }
    }

    /// Calls `body` with the list of components, `model_index.json`.
    func index<Result>(_ body: (JSONValue) throws -> Result) throws -> Result { try reading(Self.index, body) }

    /// Calls `body` with the settings of a component.
    func settings<Result>(of component: Component, _ body: (JSONValue) throws -> Result) throws -> Result {
        try reading("\(component.rawValue)/config.json", body)
    }

    /// Calls `body` with the settings of the scheduler.
    func scheduler<Result>(_ body: (JSONValue) throws -> Result) throws -> Result {
        try reading(Self.scheduler, body)
    }

    /// Returns the tokenizer. Throws `noInput` if a file is missing, `data` if one is corrupt.
    func tokenizer() throws -> Tokenizer {
        let limit = 1 << 26
        let tokens = try JSONValue(file: place(Self.tokens), limit: limit)
        let merges = try Descriptor.contents(of: place(Self.merges), limit: limit)
        let padding = try paddingToken()
        return try locating(place(Self.tokens)) {
            let number = padding.map { tokens[$0]?.integer }
            if let padding, number == .some(nil) { throw Failure(.data, "lacks the token of padding, `\(padding)`") }
            return Tokenizer(try TokenVocabulary(json: tokens, merges: merges), padding: number ?? nil)
        }
    }

    /// Returns the token with which texts are padded; nil for the mark of a text's end.
    private func paddingToken() throws -> String? {
        for name in Self.tokenizerSettings where has(name) {
            let token = try JSONValue(file: place(name))["pad_token"]
            if let word = token?.string ?? token?["content"]?.string { return word }
        }
        return nil
    }

    // MARK: - Weights

    /// Returns the weights of a component under diffusers' names. Throws `noInput` if a file is missing, `data` if one is
    /// corrupt.
    func weights(of component: Component) throws -> any WeightSource {
        guard let (list, files) = try weightFiles(of: component) else {
            let names = component.files.map { "\($0).\($1)" }.joined(separator: " or ")
            throw Failure(.noInput, place: place(component.rawValue), "has no weights: there is no \(names)")
        }
        let sources = try files.map { try CheckpointFile.open(place($0)) }
        let weights = try locating(place(component.rawValue)) { try JoinedWeights(sources) }
        if let list { try requireListed(weights, by: list) }
        return weights
    }

    /// Returns the weights of all components under diffusers' names, each behind the component's.
    func weights() throws -> any WeightSource {
        try JoinedWeights(
            Component.allCases.map { component in
                try weights(of: component).renamed { "\(component.rawValue)/\($0)" }
            })
    }

    /// Returns the files of a component's weights, and the list of shards if they are several; nil if there are none.
    private func weightFiles(of component: Component) throws -> (list: String?, files: [String])? {
        for (stem, ending) in component.files {
            for variant in Self.variants {
                let file = "\(component.rawValue)/\(stem)\(variant).\(ending)"
                if has(file) { return (nil, [file]) }
                let list = "\(component.rawValue)/\(stem).\(ending).index\(variant).json"
                guard has(list) else { continue }
                let shards = Set(try shards(list).values)
                if let stray = shards.sorted().first(where: { $0.isEmpty || $0.contains { "/\\".contains($0) } }) {
                    throw Failure(
                        .data, place: place(list), "names the file `\(stray)`, which is not in the same folder")
                }
                return (list, shards.sorted().map { "\(component.rawValue)/\($0)" })
            }
        }
        return nil
    }

    /// Returns the name of each tensor's file.
    private func shards(_ list: String) throws -> [String: String] {
        let document = try JSONValue(file: place(list), limit: 1 << 26)
        guard let members = document["weight_map"]?.members, !members.isEmpty else {
            throw Failure(.data, place: place(list), "has no weight_map")
        }
        return try Dictionary(
            uniqueKeysWithValues: members.map { member in
                guard let file = member.value.string else {
                    throw Failure(.data, place: "\(place(list)): \(member.name)", "has no file")
                }
                return (member.name, file)
            })
    }

    private func requireListed(_ weights: JoinedWeights, by list: String) throws {
        for name in try shards(list).keys.sorted() where weights.shape(of: name) == nil {
            throw weights.missing(name).at(place(list))
        }
    }
}
