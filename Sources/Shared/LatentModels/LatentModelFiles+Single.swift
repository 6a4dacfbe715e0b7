import Checkpoints
import Diagnostics
import Diffusion
import Formats
import Networks

extension LatentModelFiles {
    /// Makes the model of a file that `CheckpointFile.open` has opened; nil if it is no latent diffusion model.
    package init?(
        _ file: any WeightSource, path: String, architecture: JSONValue? = nil, weightSet: WeightSet = .averaged,
        parts: [ModelPart: String] = [:]
    ) throws {
        try locating(path) { try OtherLatentFiles.refuse(file) }
        guard let names = try locating(path, { try TensorNames.unet(in: file) }) else {
            try locating(path) { try OtherLatentFiles.refuseParts(file) }
            return nil
        }
        guard [.averaged, .raw].contains(weightSet) else {
            throw Failure(
                .usage, place: "weights",
                "`\(weightSet.rawValue)` is for a folder of diffusers, and \(path) is a file, which has ema or raw")
        }
        let given = try GivenParts(parts)
        let isCompVis = names.isCompVis
        let stored: any WeightSource = isCompVis ? Self.named(file) : file.renamed(names.compVis)
        let averages = stored.withAverages()
        weights = try given.joined(to: weightSet == .averaged ? averages ?? stored : stored)
        self.weightSet = averages == nil ? nil : weightSet
        places = TensorPlaces(
            path: path, networks: (isCompVis ? [] : [.init(names: names, path: path)]) + given.places)
        let (document, tellsSizes) = try places.locating {
            try OtherLatentFiles.refuseUNet(stored, prefix: Self.networkPrefix)
            let document = try Self.configuration(given: architecture, own: file.document)
            return (document, document?["params"]?["unet_config"] != nil)
        }
        configuration = try places.locating { [weights] in
            guard let document, tellsSizes else {
                return try LatentConfiguration(shapesOf: weights, document: document)
            }
            return try LatentConfiguration(compVis: document, weights: weights)
        }
        self.stored = try given.isEmpty ? file : JoinedWeights([file] + given.stored)
        tokenizer = Self.shipped(for: configuration)
        digest = try modelDigest(ofFile: path)
        remarks = file.remarks.map { "\(path) \($0)" } + given.remarks
        self.parts = given.identities
        let tellsScale = tellsSizes || stored.has(Self.decoderPrefix) || stored.shape(of: "scale_factor") != nil
        try take(given, scaled: !tellsScale)
    }

    /// Makes the model of a folder with the U-Net alone.
    init(unet folder: ComponentFolder, architecture: JSONValue?, parts: [ModelPart: String]) throws {
        try folder.requireVariant()
        let unet = try LatentComponent(folder)
        let given = try GivenParts(parts)
        weights = try given.joined(to: unet.weights)
        places = TensorPlaces(path: folder.path, networks: [.init(unet)] + given.places)
        let network = try folder.settings { try NetworkConfiguration(diffusers: $0) }
        configuration = try places.locating { [weights] in
            try LatentConfiguration(
                shapesOf: weights, document: Self.configuration(given: architecture, own: nil), network: network)
        }
        stored = try JoinedWeights([unet.listed] + given.stored)
        tokenizer = Self.shipped(for: configuration)
        digest = try folder.digest()
        weightSet = folder.variant.flatMap { WeightSet(rawValue: $0) }
        remarks = unet.stored.remarks.map { "\(folder.path) \($0)" } + given.remarks
        self.parts = given.identities
        try take(given, scaled: true)
    }

    /// Returns the configuration of CompVis that a model has, nil if it has none.
    ///
    /// - Parameters:
    ///   - given: what the user gives: a whole one, its `model` of a yaml file, or one that tells only the prediction, which
    ///     then replaces that of the file's own.
    private static func configuration(given: JSONValue?, own: JSONValue?) throws -> JSONValue? {
        guard let given = given.map({ $0["model"] ?? $0 }) else { return own }
        if given["params"]?["unet_config"] != nil { return given }
        guard let prediction = given["params"]?["parameterization"] else {
            throw Failure(.data, place: "configuration", "has neither params.unet_config nor params.parameterization")
        }
        guard let own, let params = own["params"] else { return given }
        return own.replacing("params", with: params.replacing("parameterization", with: prediction))
    }

    static func shipped(for configuration: LatentConfiguration) -> @Sendable () throws -> Tokenizer {
        let isSecond = configuration.text.map { $0.naming == .fused || $0.width == 1024 } ?? false
        return { try shippedTokenizer(padding: isSecond ? 0 : nil) }
    }

    /// Returns the file's weights with the first stage behind CompVis' own prefix.
    private static func named(_ file: any WeightSource) -> any WeightSource {
        guard let prefix = AutoencoderArchitecture.prefix(in: file), prefix != decoderPrefix else { return file }
        let parts = TensorNames.autoencoderRoots.map { prefix + $0 }
        return file.renamed { name in
            parts.contains(where: name.hasPrefix) ? decoderPrefix + name.dropFirst(prefix.count) : name
        }
    }
}

extension WeightSource {
    /// Whether a tensor's name begins with `prefix`.
    func has(_ prefix: String) -> Bool { tensorNames.contains { $0.hasPrefix(prefix) } }
}
