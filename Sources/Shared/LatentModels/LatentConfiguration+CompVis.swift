import Diagnostics
import Diffusion
import Engine
import Formats
import Networks

extension LatentConfiguration {
    /// Reads the configuration of CompVis' LatentDiffusion: the yaml file of the model as JSON, with `norm_num_groups` (32) and
    /// `name` added, and the sizes of the text encoder under CLIPTextConfig's names.
    ///
    /// - Parameter weights: the model's tensors under CompVis' names. Their names and shapes tell what the file leaves out.
    /// - Throws: `data` if the document or the weights are none of such a model.
    package init(compVis document: JSONValue, weights: any WeightSource) throws {
        guard let params = document["params"], let unet = params["unet_config"]?["params"],
            let firstStage = params["first_stage_config"]
        else {
            throw Failure(.data, place: "configuration", "lacks params.unet_config or params.first_stage_config")
        }
        let groups = try Self.count("norm_num_groups", document) ?? 32
        var network = try NetworkConfiguration(unet)
        network.guided.groups = groups
        let decoder = try weights.has(LatentModelFiles.decoderPrefix) ? Self.decoder(firstStage, groups: groups) : nil
        let table = try Self.table(params)
        try StoredNoiseLevels(weights)?.require(table)
        try self.init(
            name: document["name"]?.string, network: network, decoder: decoder,
            scaleFactor: Self.scaleFactor(params, weights, decoder), condition: Self.condition(params, weights),
            process: .vpDiscrete(table), prediction: Self.prediction(params),
            latentSize: NetworkConfiguration.imageSize("image_size", params) ?? network.imageSize)
    }

    /// Returns the decoder of `first_stage_config`, a KL or VQ autoencoder.
    private static func decoder(_ config: JSONValue, groups: Int) throws -> AutoencoderArchitecture {
        guard let params = config["params"], let sizes = params["ddconfig"],
            let width = try count("ch", sizes), let factors = sizes["ch_mult"]?.integers, !factors.isEmpty,
            factors.count < 12, factors.allSatisfy({ (1...64).contains($0) }),
            let inputs = try count("z_channels", sizes), let blocks = try count("num_res_blocks", sizes)
        else {
            throw Failure(
                .data, place: "configuration: first_stage_config",
                "needs params.ddconfig with ch, ch_mult, z_channels and num_res_blocks")
        }
        var architecture = AutoencoderArchitecture(
            latentChannels: try count("embed_dim", params) ?? inputs, inputChannels: inputs,
            imageChannels: try count("out_ch", sizes) ?? 3, levelChannels: factors.map { width * $0 },
            blocks: blocks + 1, codes: try count("n_embed", params))
        let resolutions = sizes["attn_resolutions"]?.integers ?? []
        let resolution = try count("resolution", sizes) ?? 0
        architecture.attentionLevels = Set(factors.indices.filter { resolutions.contains(resolution >> $0) })
        architecture.groups = groups
        return architecture
    }

    /// Returns the scale factor of the configuration, else that of the file or of the kind of autoencoder. If training
    /// measured it (`scale_by_std`), the file has it and the configuration only a number to begin with.
    private static func scaleFactor(
        _ params: JSONValue, _ weights: any WeightSource, _ decoder: AutoencoderArchitecture?
    ) throws -> Double {
        let isMeasured = params["scale_by_std"] == true
        let stored = try storedScaleFactor(weights)
        let given = try params["scale_factor"].map { value in
            guard let factor = value.double, factor.isFinite, factor > 0 else {
                throw Failure(.data, place: "configuration: scale_factor", "is no positive number")
            }
            return factor
        }
        if let stored, let given, !isMeasured, abs(stored / given - 1) > 5e-3 {
            throw Failure(
                .data, place: "scale_factor", "is \(stored) in the model file and \(given) in the configuration")
        }
        return (isMeasured ? stored ?? given : given ?? stored) ?? usualScaleFactor(decoder)
    }

    private static func condition(_ params: JSONValue, _ weights: any WeightSource) throws -> ConditionNetwork {
        guard let config = params["cond_stage_config"], let target = config["target"]?.string else { return .none }
        if target.hasSuffix(".ClassEmbedder") { return try classes(of: weights) }
        guard var text = TextEncoderArchitecture(weights: weights) else {
            throw Failure(
                .data, place: "configuration: cond_stage_config", "is \(target), and the file has no CLIP text encoder",
                suggestion: textEncoderSuggestion)
        }
        if let sizes = config["params"] {
            text.heads = try count("num_attention_heads", sizes) ?? text.heads
            let layers = try count("num_hidden_layers", sizes) ?? text.layers - text.skippedLayers
            text.skippedLayers = max(0, text.layers - layers)
            switch sizes["hidden_act"]?.string {
            case nil: break
            case "quick_gelu": text.activation = .logistic
            case "gelu": text.activation = .exact
            case let name?:
                throw Failure(.data, place: "hidden_act", unknown: name, choices: ["quick_gelu", "gelu"])
            }
        }
        return .text(text)
    }

    private static func table(_ params: JSONValue) throws -> NoiseTable {
        guard let first = params["linear_start"]?.double, let last = params["linear_end"]?.double,
            params["beta_schedule"].map({ $0 == "linear" }) ?? true,
            let table = NoiseTable(scaledLinear: first, last, count: try count("timesteps", params) ?? 1000)
        else {
            throw Failure(
                .data, place: "configuration", "linear_start, linear_end and timesteps make no table of noise levels")
        }
        return table
    }

    static func prediction(_ params: JSONValue) throws -> Prediction {
        switch params["parameterization"]?.string ?? "eps" {
        case "eps": return .noise
        case "v": return .velocity
        case "x0": return .data
        case let name: throw Failure(.data, place: "parameterization", unknown: name, choices: ["eps", "v", "x0"])
        }
    }

    private static func count(_ key: String, _ object: JSONValue) throws -> Int? {
        guard let value = object[key], value != .null else { return nil }
        guard let number = value.integer, (1...1 << 20).contains(number) else {
            throw Failure(.data, place: "configuration", "\(key) is not a reasonable count")
        }
        return number
    }
}
