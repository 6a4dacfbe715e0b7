import Diagnostics
import Formats
import Networks

/// The names of one network's tensors in a file, and those in CompVis' single file.
struct TensorNames: Sendable {
    /// The text before the network's names in CompVis' file.
    private let prefix: String
    /// The text before them in this file.
    private let storedPrefix: String
    /// Diffusers' names, if the file has those.
    private let modules: ModuleNames?
    /// The beginnings of the network's names behind the prefix, if other tensors may stand beside them.
    private var roots: [String]?

    /// Returns CompVis' name of a tensor of the file; nil if it is none of the network's.
    func compVis(_ name: String) -> String? {
        guard let rest = rest(of: name, behind: storedPrefix), roots?.contains(where: rest.hasPrefix) ?? true else {
            return nil
        }
        guard let modules else { return prefix + rest }
        return modules.compVis(rest).map { prefix + $0 }
    }

    /// Returns the file's name of a tensor that CompVis calls `name`; nil if it is none of the network's.
    func inFile(_ name: String) -> String? {
        guard let rest = rest(of: name, behind: prefix) else { return nil }
        guard let modules else { return storedPrefix + rest }
        return modules.diffusers(rest).map { storedPrefix + $0 }
    }

    /// Whether the file has CompVis' own names.
    var isCompVis: Bool { storedPrefix == prefix && modules == nil }

    /// Whether the tensor is the network's by its file, and has no name at CompVis'.
    func isStray(_ name: String) -> Bool { modules != nil && name.hasPrefix(storedPrefix) && compVis(name) == nil }

    private func rest(of name: String, behind prefix: String) -> String? {
        name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : nil
    }
}

// MARK: - Networks

extension TensorNames {
    static func unet(named modules: ModuleNames?, behind storedPrefix: String = "") -> TensorNames {
        TensorNames(prefix: LatentModelFiles.networkPrefix, storedPrefix: storedPrefix, modules: modules)
    }

    static func decoder(named modules: ModuleNames?, behind storedPrefix: String = "") -> TensorNames {
        TensorNames(
            prefix: LatentModelFiles.decoderPrefix, storedPrefix: storedPrefix, modules: modules,
            roots: modules == nil ? autoencoderRoots : nil)
    }

    /// The beginnings of an autoencoder's names.
    static let autoencoderRoots = ["decoder.", "encoder.", "quant_conv.", "post_quant_conv.", "quantize."]

    /// The names of a text encoder whose tensors are not recognized.
    static let unknownTextEncoder = TensorNames(
        prefix: LatentModelFiles.conditionPrefix + "transformer.text_model.", storedPrefix: "", modules: nil)

    /// Returns the names of the U-Net in a file; nil if there is none that reads latents and contexts. Behind CompVis' prefix
    /// it may read no context.
    ///
    /// Throws `data` if the file is a shard.
    static func unet(in file: any WeightSource) throws -> TensorNames? {
        func has(_ name: String) -> Bool { file.shape(of: name) != nil }
        let prefix = LatentModelFiles.networkPrefix
        if has(prefix + "input_blocks.0.0.weight") { return .unet(named: nil, behind: prefix) }
        let transformer = ".transformer_blocks.0.attn2.to_k.weight"
        if has("input_blocks.0.0.weight"), has("middle_block.1" + transformer) { return .unet(named: nil) }
        let blocks = ["down_blocks.", "mid_block.", "up_blocks."]
        let hasTransformer = file.tensorNames.contains { name in
            name.hasSuffix(transformer) && blocks.contains(where: name.hasPrefix)
        }
        guard hasTransformer else { return nil }
        guard let modules = ModuleNames.unet(in: file) else {
            throw Failure(
                .data, "is a shard of a U-Net, and the others are not in it",
                suggestion: "name the folder in which they stand with their config.json")
        }
        return .unet(named: modules)
    }

    /// Returns the names of the decoder in a file; nil if there is none.
    static func decoder(in file: any WeightSource) -> TensorNames? {
        guard let prefix = AutoencoderArchitecture.prefix(in: file) else { return nil }
        return .decoder(named: ModuleNames.autoencoder(in: file, prefix: prefix), behind: prefix)
    }

    /// Returns the names of the text encoder in a file; nil if there is none.
    static func textEncoder(in file: any WeightSource) -> TensorNames? {
        guard let encoder = TextEncoderArchitecture(weights: file) else { return nil }
        let own = encoder.naming == .fused ? "model." : "transformer.text_model."
        return TensorNames(
            prefix: LatentModelFiles.conditionPrefix + own, storedPrefix: encoder.prefix, modules: nil)
    }
}

// MARK: - Messages

/// The files of a model's networks, for messages: a tensor is named as its own file names it.
struct TensorPlaces: Sendable {
    /// A network whose tensors have other names or another file than the model.
    struct Network: Sendable {
        let names: TensorNames
        let path: String

        init(names: TensorNames, path: String) { (self.names, self.path) = (names, path) }
        init(_ component: LatentComponent) { (names, path) = (component.names, component.path) }
    }

    /// The file or folder of the model.
    let path: String
    var networks: [Network] = []

    /// Returns the result of `body`. A `Failure` that it throws gets the name of the file, and the name that a tensor has
    /// in it.
    func locating<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch var failure as Failure {
            let words = failure.place?.split(separator: ": ", maxSplits: 1).map(String.init) ?? []
            for network in networks {
                guard let name = words.first.flatMap(network.names.inFile) else { continue }
                failure.place = ([name] + words.dropFirst()).joined(separator: ": ")
                throw failure.at(network.path)
            }
            throw failure.at(path)
        }
    }
}
