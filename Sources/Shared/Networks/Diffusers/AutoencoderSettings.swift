import Diagnostics
import Formats

/// The facts of a decoder that the `config.json` of an AutoencoderKL tells beside the shapes of its tensors.
package struct AutoencoderSettings: Sendable, Equatable {
    package let levels: Int
    /// The residual blocks of a level of the encoder.
    package let blocks: Int
    /// The groups of every group norm.
    package let groups: Int
    /// The number by which latents were multiplied for diffusion.
    package let scaleFactor: Double

    /// The scale factor of Stable Diffusion.
    package static let usualScaleFactor = 0.18215

    /// Settings of AutoencoderKL with the only values that are computed here, which are its defaults.
    private static let fixed: KeyValuePairs<String, JSONValue> = [
        "act_fn": "silu", "mid_block_add_attention": true, "use_post_quant_conv": true, "shift_factor": .null,
        "latents_mean": .null, "latents_std": .null,
    ]

    /// Settings that are read, that the shapes of tensors show, or that are the encoder's or of training.
    private static let read: Set<String> = [
        "block_out_channels", "layers_per_block", "norm_num_groups", "scaling_factor", "up_block_types",
        "down_block_types", "in_channels", "out_channels", "latent_channels", "sample_size", "force_upcast",
        "use_quant_conv",
    ]

    /// Throws `data`, naming the setting, if it is none that is computed here.
    package init(_ document: JSONValue) throws {
        let settings = try ComponentSettings(document)
        if let name = document["_class_name"]?.string, name != "AutoencoderKL" {
            throw Failure(.data, place: "_class_name", unknown: name, choices: ["AutoencoderKL"])
        }
        try settings.require(Self.fixed)
        try settings.refuseOthers(than: Self.read.union(Self.fixed.map(\.key)))
        for type in try settings.words("up_block_types", default: []) where type != "UpDecoderBlock2D" {
            throw Failure(.data, place: "up_block_types", unknown: type, choices: ["UpDecoderBlock2D"])
        }
        levels = try settings.counts("block_out_channels", default: [64]).count
        blocks = try settings.count("layers_per_block", default: 1, most: 64)
        groups = try settings.count("norm_num_groups", default: 32)
        scaleFactor = try settings.number("scaling_factor", default: Self.usualScaleFactor)
        guard scaleFactor.isFinite, scaleFactor > 0 else {
            throw Failure(.data, place: "scaling_factor", "is \(scaleFactor), not a positive number")
        }
    }
}
