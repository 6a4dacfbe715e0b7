import Checkpoints
import Diagnostics
import Formats
import Networks

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The folder of one network in the manner of diffusers: `config.json`, and its weights in one file or in shards.
struct ComponentFolder: Sendable {
    let component: LatentComponent.Kind
    let path: String
    /// The variant of the weights that goes before the others, such as `fp16`; nil if none does.
    let variant: String?

    private static let settingsFile = "config.json"
    /// The marks of variants, in the order in which they are looked for.
    private static let variants = ["", ".fp16", ".bf16"]

    init(component: LatentComponent.Kind, path: String, variant: String? = nil) {
        (self.component, self.path, self.variant) = (component, path, variant)
    }

    /// Returns the folder at `path` itself, or the one in the folder of a whole model; nil if there is none.
    init?(_ component: LatentComponent.Kind, in path: String, variant: String? = nil) {
        if DiffusersFolder.isFolder(path) {
            self = DiffusersFolder(path: path, variant: variant).folder(of: component)
        } else {
            self.init(component: component, path: path, variant: variant)
            guard hasSettings else { return nil }
        }
    }

    private func place(_ name: String) -> String { "\(path)/\(name)" }
    private func has(_ name: String) -> Bool { hasFile(place(name)) }
    var hasSettings: Bool { has(Self.settingsFile) }

    /// Returns the names of the files that are read. Only the lists of shards are read for that.
    func fileNames() throws -> [String] {
        let weights = try weightFiles().map { [$0.list].compactMap(\.self) + $0.files } ?? []
        return ([Self.settingsFile] + weights).filter(has)
    }

    /// Returns the digest of these files.
    func digest() throws -> String { try modelDigest(ofFiles: fileNames(), in: path) }

    /// Calls `body` with the settings of the network.
    func settings<Result>(_ body: (JSONValue) throws -> Result) throws -> Result {
        let document = try JSONValue(file: place(Self.settingsFile), isPythons: true)
        return try locating(place(Self.settingsFile)) { try body(document) }
    }

    /// Returns the weights under diffusers' names. Throws `noInput` if a file is missing, `data` if one is corrupt.
    func weights() throws -> any WeightSource {
        guard let (list, files) = try weightFiles() else {
            let names = component.files.map { "\($0).\($1)" }.joined(separator: " or ")
            throw Failure(.noInput, place: path, "has no weights: there is no \(names)")
        }
        let sources = try files.map { try CheckpointFile.open(place($0)) }
        let weights = try locating(path) { try JoinedWeights(sources) }
        if let list { try requireListed(weights, by: list) }
        return weights
    }

    /// Whether the folder has weights of the variant that goes before the others.
    var hasVariant: Bool { variantFile != nil }
    var hasWeights: Bool { weightFile != nil }

    private var variantFile: (name: String, isList: Bool)? { variant.flatMap { weightFile(marked: [".\($0)"]) } }
    private var weightFile: (name: String, isList: Bool)? { variantFile ?? weightFile(marked: Self.variants) }

    /// Returns the first file of weights, or list of shards, with one of the marks; nil if there is none.
    private func weightFile(marked marks: [String]) -> (name: String, isList: Bool)? {
        for (stem, ending) in component.files {
            for mark in marks {
                let (file, list) = ("\(stem)\(mark).\(ending)", "\(stem).\(ending).index\(mark).json")
                if has(file) { return (file, false) }
                if has(list) { return (list, true) }
            }
        }
        return nil
    }

    /// Returns the files of the weights, and the list of shards if they are several; nil if there are none.
    private func weightFiles() throws -> (list: String?, files: [String])? {
        guard let (name, isList) = weightFile else { return nil }
        guard isList else { return (nil, [name]) }
        let shards = Set(try shards(name).values).sorted()
        if let stray = shards.first(where: { $0.isEmpty || $0.contains { "/\\".contains($0) } }) {
            throw Failure(.data, place: place(name), "names the file `\(stray)`, which is not in the same folder")
        }
        return (name, shards)
    }

    /// Throws `usage` if a variant goes before the others and the folder lacks it.
    func requireVariant() throws {
        guard let variant, !hasVariant, let (stem, ending) = component.files.first else { return }
        throw Failure(
            .usage, place: "weights",
            "the folder \(path) has none called `\(variant)`: there is no \(stem).\(variant).\(ending)",
            suggestion: "leave <weights> out for the usual ones")
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

/// Whether there is a folder at `path`.
func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// Whether there is a regular file at `path`.
func hasFile(_ path: String) -> Bool { (try? Descriptor.requireFile(path)) != nil }
