import Diagnostics
import Formats

extension NetworkConfiguration {
    /// - Parameter json: the text of the key `config` of a model file.
    package init(json: String) throws {
        try self.init(try locating("configuration") { try JSONValue(parsing: json) })
    }

    package init(_ root: JSONValue) throws {
        let arguments = root["init_kwargs"] ?? root
        // guided-diffusion's names of the sizes differ from EDM's.
        let isGuided = arguments["model_type"]?.string.map { $0 == "UNetModel" } ?? (arguments["num_res_blocks"] != nil)
        if isGuided {
            guard let size = try Self.imageSize("image_size", arguments) else {
                throw Failure(.data, place: "configuration", "image_size is missing")
            }
            self.init(imageSize: size, imageChannels: try Self.required("in_channels", arguments))
        } else {
            self.init(
                imageResolution: try Self.required("img_resolution", arguments),
                imageChannels: try Self.required("img_channels", arguments))
        }
        preconditioning = root["precond"]?.string ?? (isGuided ? "VPPrecond" : preconditioning)
        name = root["name"]?.string
        sigmaMin = try Self.sigma("sigma_min", root) ?? sigmaMin
        sigmaMax = try Self.sigma("sigma_max", root) ?? sigmaMax
        if isGuided {
            architecture = .guidedUNet
            try readGuided(arguments)
            try validate()
            return
        }
        let type = arguments["model_type"]?.string ?? (preconditioning == "EDMPrecond" ? "DhariwalUNet" : "SongUNet")
        guard let architecture = Architecture(rawValue: type) else {
            throw Failure(
                .data, place: "configuration: model_type", unknown: type,
                choices: Architecture.allCases.map(\.rawValue))
        }
        self.architecture = architecture
        if architecture == .dhariwalUNet {
            (modelChannels, channelMultipliers, blocks, attentionResolutions) = (192, [1, 2, 3, 4], 3, [32, 16, 8])
        }
        try readCounts(arguments)
        channelMultipliers = try Self.counts("channel_mult", arguments) ?? channelMultipliers
        attentionResolutions = try Self.counts("attn_resolutions", arguments) ?? attentionResolutions
        embedding = arguments["embedding_type"]?.string ?? embedding
        encoder = arguments["encoder_type"]?.string ?? encoder
        decoder = arguments["decoder_type"]?.string ?? decoder
        resampleFilter = arguments["resample_filter"]?.doubles ?? resampleFilter
        try validate()
    }

    private mutating func readCounts(_ arguments: JSONValue) throws {
        labelDimension = try Self.count("label_dim", arguments) ?? 0
        augmentDimension = try Self.count("augment_dim", arguments) ?? 0
        modelChannels = try Self.count("model_channels", arguments) ?? modelChannels
        embeddingMultiplier = try Self.count("channel_mult_emb", arguments) ?? embeddingMultiplier
        blocks = try Self.count("num_blocks", arguments) ?? blocks
        noiseMultiplier = try Self.count("channel_mult_noise", arguments) ?? noiseMultiplier
    }

    /// Reads guided-diffusion's constructor arguments. `attention_resolutions` are the factors by which the image is
    /// shrunk at the levels that have attention.
    private mutating func readGuided(_ arguments: JSONValue) throws {
        modelChannels = try Self.required("model_channels", arguments)
        blocks = try Self.required("num_res_blocks", arguments)
        channelMultipliers = try Self.counts("channel_mult", arguments) ?? [1, 2, 4, 8]
        let factors = try Self.counts("attention_resolutions", arguments) ?? []
        attentionResolutions = factors.filter { $0 > 0 }.map { imageResolution / $0 }
        labelDimension = try Self.count("num_classes", arguments) ?? 0
        guided.outputChannels = try Self.required("out_channels", arguments)
        // -1 says that the number of channels of a head is not fixed.
        if arguments["num_head_channels"] != -1 {
            guided.headChannels = try Self.count("num_head_channels", arguments).flatMap { $0 > 0 ? $0 : nil }
        }
        guided.heads = try Self.count("num_heads", arguments) ?? 1
        guided.scalesAndShifts = arguments["use_scale_shift_norm"]?.boolean ?? false
        guided.resamplesInBlocks = arguments["resblock_updown"]?.boolean ?? false
        guided.convolvesResampled = arguments["conv_resample"]?.boolean ?? true
        guided.splitsBeforeHeads = arguments["use_new_attention_order"]?.boolean ?? false
        if arguments["use_spatial_transformer"]?.boolean == true {
            guided.contextWidth = try Self.required("context_dim", arguments)
        }
        guard guided.outputChannels >= imageChannels, guided.outputChannels <= 2 * imageChannels, guided.heads > 0
        else {
            throw Failure(.data, place: "configuration", "out_channels or num_heads is out of range")
        }
    }

    private static func required(_ key: String, _ arguments: JSONValue) throws -> Int {
        guard let number = try count(key, arguments), number > 0 else {
            throw Failure(.data, place: "configuration", "\(key) is missing")
        }
        return number
    }

    /// Returns the [height, width] that a number or a list of both tells, nil if there is none. Throws `data` if it is neither.
    package static func imageSize(_ key: String, _ arguments: JSONValue) throws -> [Int]? {
        guard let value = arguments[key], value != .null else { return nil }
        guard let sides = value.integers ?? value.integer.map({ [$0, $0] }), sides.count == 2,
            sides.allSatisfy({ (1...1 << 20).contains($0) })
        else { throw Failure(.data, place: "configuration", "\(key) is neither a size nor a height and a width") }
        return sides
    }

    private static func count(_ key: String, _ arguments: JSONValue) throws -> Int? {
        guard let value = arguments[key], value != .null else { return nil }
        guard let number = value.integer, (0...1 << 20).contains(number) else {
            throw Failure(.data, place: "configuration", "\(key) is not a reasonable count")
        }
        return number
    }

    private static func counts(_ key: String, _ arguments: JSONValue) throws -> [Int]? {
        guard let value = arguments[key], value != .null else { return nil }
        guard let numbers = value.integers, numbers.allSatisfy({ (0...1 << 20).contains($0) }) else {
            throw Failure(.data, place: "configuration", "\(key) is not a list of reasonable counts")
        }
        return numbers
    }

    /// Returns sigma_min or sigma_max. It stands beside `init_kwargs` or in it, as a number or as text ("inf").
    private static func sigma(_ key: String, _ root: JSONValue) throws -> Double? {
        guard let value = root[key] ?? root["init_kwargs"]?[key], value != .null else { return nil }
        guard let number = value.double ?? value.string.flatMap(Double.init), !number.isNaN, number >= 0 else {
            throw Failure(.data, place: "configuration", "\(key) is not a noise level")
        }
        return number
    }

    /// Throws `data` if a size or a word is none that is computed here.
    func validate() throws {
        func require(_ condition: Bool, _ message: String) throws {
            guard condition else { throw Failure(.data, place: "configuration", message) }
        }
        try require(
            !channelMultipliers.isEmpty && channelMultipliers.count < 12
                && channelMultipliers.allSatisfy { (1...64).contains($0) },
            "channel_mult is not a list of small positive numbers")
        try require(
            (4...1 << 13).contains(modelChannels) && modelChannels % 2 == 0, "model_channels is odd or out of range")
        for side in imageSize {
            try require(side <= 1 << 12, "the image size \(side) is larger than \(1 << 12)")
            try require(
                side % (1 << (channelMultipliers.count - 1)) == 0,
                "the image size \(side) cannot be halved \(counted(channelMultipliers.count - 1, "time"))")
        }
        let words = [
            ("embedding_type", embedding, ["positional", "fourier"]),
            ("encoder_type", encoder, ["standard", "residual", "skip"]),
            ("decoder_type", decoder, ["standard", "skip"]),
        ]
        for (key, word, known) in words where !known.contains(word) {
            throw Failure(.data, place: "configuration: \(key)", unknown: word, choices: known)
        }
        try require(
            (2...16).contains(resampleFilter.count) && resampleFilter.count % 2 == 0
                && resampleFilter.reduce(0, +) > 0, "resample_filter needs an even number of weights")
        try require(
            imageChannels <= 1 << 10 && labelDimension <= 1 << 16 && blocks <= 64 && (1...64).contains(noiseMultiplier)
                && (1...64).contains(embeddingMultiplier), "a size is out of range")
    }
}
