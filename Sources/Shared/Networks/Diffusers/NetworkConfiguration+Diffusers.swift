import Diagnostics
import Formats

extension NetworkConfiguration {
    /// Settings of UNet2DConditionModel with the only values that are computed here, which are its defaults.
    private static let fixed: KeyValuePairs<String, JSONValue> = [
        "act_fn": "silu", "flip_sin_to_cos": true, "freq_shift": 0, "norm_eps": 1e-5, "downsample_padding": 1,
        "mid_block_scale_factor": 1, "mid_block_type": "UNetMidBlock2DCrossAttn", "transformer_layers_per_block": 1,
        "resnet_time_scale_shift": "default", "resnet_out_scale_factor": 1, "time_embedding_type": "positional",
        "attention_type": "default", "conv_in_kernel": 3, "conv_out_kernel": 3,
        // None by default.
        "only_cross_attention": .null, "mid_block_only_cross_attention": .null, "dual_cross_attention": .null,
        "cross_attention_norm": .null, "class_embed_type": .null, "num_class_embeds": .null,
        "projection_class_embeddings_input_dim": .null, "class_embeddings_concat": .null,
        "addition_embed_type": .null, "addition_time_embed_dim": .null, "encoder_hid_dim": .null,
        "encoder_hid_dim_type": .null, "time_cond_proj_dim": .null, "time_embedding_dim": .null,
        "time_embedding_act_fn": .null, "timestep_post_act": .null, "resnet_skip_time_act": .null,
        "reverse_transformer_layers_per_block": .null, "center_input_sample": .null,
    ]

    /// Settings that are read, or that change no number.
    private static let read: Set<String> = [
        "block_out_channels", "down_block_types", "up_block_types", "layers_per_block", "cross_attention_dim",
        "norm_num_groups", "in_channels", "out_channels", "sample_size", "use_linear_projection", "attention_head_dim",
        "num_attention_heads", "upcast_attention", "dropout", "addition_embed_type_num_heads",
        // Left by the averaging of weights in training.
        "decay", "min_decay", "optimization_step", "update_after_step", "use_ema_warmup", "inv_gamma", "power",
    ]

    /// Reads the `config.json` of a UNet2DConditionModel. Throws `data`, naming the setting, if it is none that is
    /// computed here.
    package init(diffusers document: JSONValue) throws {
        let settings = try ComponentSettings(document)
        if let name = document["_class_name"]?.string, name != "UNet2DConditionModel" {
            throw Failure(.data, place: "_class_name", unknown: name, choices: ["UNet2DConditionModel"])
        }
        if let type = settings.value("addition_embed_type")?.string, type == "text_time" {
            throw Failure(
                .data, place: "addition_embed_type", "is `text_time`: this is Stable Diffusion XL, which is not read")
        }
        try settings.require(Self.fixed)
        try settings.refuseOthers(than: Self.read.union(Self.fixed.map(\.key)))
        let channels = try settings.counts("block_out_channels", default: [320, 640, 1280, 1280])
        guard channels.allSatisfy({ $0.isMultiple(of: channels[0]) }) else {
            throw Failure(.data, place: "block_out_channels", "\(channels) are no multiples of \(channels[0])")
        }
        self.init(
            imageSize: try Self.sampleSize(settings), imageChannels: try settings.count("in_channels", default: 4))
        architecture = .guidedUNet
        modelChannels = channels[0]
        channelMultipliers = channels.map { $0 / channels[0] }
        blocks = try settings.count("layers_per_block", default: 2)
        let attends = try Self.attentions(settings, levels: channels.count)
        attentionResolutions = channels.indices.filter { attends[$0] }.map { resolution($0) }
        guided.outputChannels = try settings.count("out_channels", default: 4)
        guided.groups = try settings.count("norm_num_groups", default: 32)
        guided.contextWidth = try settings.count("cross_attention_dim", default: 1280)
        try readHeads(settings, channels)
        try validate()
    }

    /// Returns [height, width].
    private static func sampleSize(_ settings: ComponentSettings) throws -> [Int] {
        guard settings.value("sample_size")?.elements != nil else {
            let side = try settings.count("sample_size", default: 64)
            return [side, side]
        }
        let sizes = try settings.counts("sample_size", default: [])
        guard sizes.count == 2 else {
            throw Failure(.data, place: "sample_size", "\(sizes) is not a height and a width")
        }
        return sizes
    }

    /// Returns which levels of the encoder have transformers. The decoder must have them at the same levels.
    private static func attentions(_ settings: ComponentSettings, levels: Int) throws -> [Bool] {
        func attends(_ key: String, _ with: String, _ without: String, default standard: [Bool]) throws -> [Bool] {
            let types = try settings.words(key, default: standard.map { $0 ? with : without })
            if let other = types.first(where: { $0 != with && $0 != without }) {
                throw Failure(.data, place: key, unknown: other, choices: [with, without])
            }
            return types.map { $0 == with }
        }
        let down = try attends(
            "down_block_types", "CrossAttnDownBlock2D", "DownBlock2D", default: [true, true, true, false])
        let up = try attends("up_block_types", "CrossAttnUpBlock2D", "UpBlock2D", default: [false, true, true, true])
        guard down.count == levels, up == down.reversed() else {
            throw Failure(
                .data, place: "up_block_types", "the levels do not mirror those of down_block_types, \(levels) in all")
        }
        return down
    }

    /// diffusers keeps the numbers of heads in `attention_head_dim` unless `num_attention_heads` has them.
    private mutating func readHeads(_ settings: ComponentSettings, _ channels: [Int]) throws {
        let key = settings.value("num_attention_heads") == nil ? "attention_head_dim" : "num_attention_heads"
        guard settings.value(key)?.elements != nil else {
            guided.heads = try settings.count(key, default: 8)
            return
        }
        let heads = try settings.counts(key, default: [])
        guard heads.count == channels.count, zip(channels, heads).allSatisfy({ $0.isMultiple(of: $1) }) else {
            throw Failure(.data, place: key, "\(heads) heads do not divide \(channels) channels")
        }
        let sizes = zip(channels, heads).map { $0 / $1 }
        if Set(heads).count == 1 {
            guided.heads = heads[0]
        } else if Set(sizes).count == 1 {
            guided.headChannels = sizes[0]
        } else {
            throw Failure(
                .data, place: key, "\(heads) heads have neither one number nor one width for \(channels) channels")
        }
    }
}
