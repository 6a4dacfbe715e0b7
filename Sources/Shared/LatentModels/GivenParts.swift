import Diagnostics
import Formats
import Networks
import TensorStream

/// The networks beside the U-Net that stand in files of their own: those that a user gives, and those of a folder.
struct GivenParts {
    /// The paths and digests of those that the user gives.
    let identities: [ModelPart: ModelIdentity]
    private let components: [ModelPart: LatentComponent]

    /// - Parameters:
    ///   - paths: the file or folder of each part that the user gives.
    ///   - folder: the folder of the model, which has the others; nil if the model's file has them, or nothing has.
    ///
    /// Throws `noInput` if one cannot be opened, `data`, naming the path, if it holds no such network.
    init(_ paths: [ModelPart: String], else folder: DiffusersFolder? = nil) throws {
        components = try Dictionary(
            uniqueKeysWithValues: ModelPart.allCases.compactMap { part in
                if let path = paths[part] { return (part, try LatentComponent(part.kind, at: path)) }
                return try folder.map { (part, try LatentComponent($0.folder(of: part.kind))) }
            })
        identities = try Dictionary(
            uniqueKeysWithValues: paths.map { part, path in
                (part, ModelIdentity(name: path, sha256: try part.digest(at: path)))
            })
    }

    subscript(part: ModelPart) -> LatentComponent? { components[part] }

    private var all: [LatentComponent] { ModelPart.allCases.compactMap { components[$0] } }

    /// The files of the networks, for messages.
    var places: [TensorPlaces.Network] { all.map { .init($0) } }

    var isEmpty: Bool { components.isEmpty }

    /// The tensors under the names of the files.
    var stored: [any WeightSource] { all.map(\.listed) }

    var remarks: [String] { all.flatMap { component in component.stored.remarks.map { "\(component.path) \($0)" } } }

    /// Returns the weights of a model with these networks in the place of its own. Throws `data`, naming the file, if one
    /// does not fit the U-Net.
    func joined(to own: any WeightSource) throws -> any WeightSource {
        guard !isEmpty else { return own }
        try check(against: own)
        let kept = own.renamed { name in components.keys.contains { name.hasPrefix($0.prefix) } ? nil : name }
        return try JoinedWeights([kept] + all.map(\.weights))
    }

    private func check(against own: any WeightSource) throws {
        let prefix = LatentModelFiles.networkPrefix
        func require(_ part: ModelPart, _ number: Int?, is asked: Int?, _ words: (String, String) -> String) throws {
            guard let component = components[part], let number, number != asked else { return }
            throw Failure(.data, place: component.path, words("\(number)", asked.map { "\($0)" } ?? "none"))
        }
        let decoder = try components[.decoder].map { component in
            try TensorPlaces(path: component.path, networks: [.init(component)]).locating {
                try AutoencoderArchitecture(weights: component.weights, prefix: LatentModelFiles.decoderPrefix)
            }
        }
        let channels = try own.layerShape(of: prefix + "input_blocks.0.0.weight")?[1]
        try require(.decoder, decoder?.latentChannels, is: channels) {
            "the decoder reads latents of \($0) channels, and the U-Net works on latents of \($1)"
        }
        let text = components[.textEncoder].flatMap { TextEncoderArchitecture(weights: $0.weights) }
        let key = prefix + "middle_block.1.transformer_blocks.0.attn2.to_k.weight"
        try require(.textEncoder, text?.width, is: own.layerShape(of: key)?[1]) {
            "the text encoder gives contexts of \($0) numbers, and the U-Net reads contexts of \($1)"
        }
    }
}

extension LatentModelFiles {
    /// Takes what shapes do not show of given parts from the settings beside them, and checks that all parts fit.
    ///
    /// - Parameters:
    ///   - scaled: whether the scale factor is told by the decoder's settings if there are any; else the model itself tells it.
    ///   - groups: the groups of the decoder's norms if nothing else tells them.
    mutating func take(_ given: GivenParts, scaled: Bool, groups usual: Int = 32) throws {
        if let decoder = given[.decoder] {
            let settings = try decoder.settings { try AutoencoderSettings($0) }
            let groups = settings?.groups ?? configuration.decoder?.groups ?? usual
            configuration.decoder = try places.locating { [weights] in
                try AutoencoderArchitecture(weights: weights, prefix: Self.decoderPrefix, groups: groups)
            }
            if scaled, let settings { configuration.scaleFactor = settings.scaleFactor }
        }
        if let encoder = given[.textEncoder], var text = configuration.text {
            _ = try encoder.settings { try text.apply(transformers: $0) }
            configuration.condition = .text(text)
        }
        try places.locating { try configuration.validate() }
    }
}
