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

    private static let settingsFile = "config.json"
    /// The marks of variants, in the order in which they are looked for.
    private static let variants = ["", ".fp16", ".bf16"]

    init(component: LatentComponent.Kind, path: String) { (self.component, self.path) = (component, path) }

    /// Returns the folder at `path` itself, or the one in the folder of a whole model; nil if there is none.
    init?(_ component: LatentComponent.Kind, in path: String) {
        if DiffusersFolder.isFolder(path) {
            self = DiffusersFolder(path: path).folder(of: component)
        } else {
            self.init(component: component, path: path)
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

    /// Returns the files of the weights, and the list of shards if they are several; nil if there are none.
    private func weightFiles() throws -> (list: String?, files: [String])? {
        for (stem, ending) in component.files {
            for variant in Self.variants {
                let file = "\(stem)\(variant).\(ending)"
                if has(file) { return (nil, [file]) }
                let list = "\(stem).\(ending).index\(variant).json"
                guard has(list) else { continue }
                let shards = Set(try shards(list).values)
                if let stray = shards.sorted().first(where: { $0.isEmpty || $0.contains { "/\\".contains($0) } }) {
                    throw Failure(
                        .data, place: place(list), "names the file `\(stray)`, which is not in the same folder")
                }
                return (list, shards.sorted())
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

/// Whether there is a folder at `path`.
func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// Whether there is a regular file at `path`.
func hasFile(_ path: String) -> Bool { (try? Descriptor.requireFile(path)) != nil }
