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

    /// Throws `data`, naming the setting, if it is none that is computed here.
    package init(_ document: JSONValue) throws {
        let settings = try ComponentSettings(document)
        if let name = document["_class_name"]?.string, name != "AutoencoderKL" {
            throw Failure(.data, place: "_class_name", unknown: name, choices: ["AutoencoderKL"])
        }
        try settings.require([
            "act_fn": "silu", "mid_block_add_attention": true, "use_post_quant_conv": true, "shift_factor": .null,
            "latents_mean": .null, "latents_std": .null,
        ])
        for type in try settings.words("up_block_types", default: []) where type != "UpDecoderBlock2D" {
            throw Failure(.data, place: "up_block_types", unknown: type, choices: ["UpDecoderBlock2D"])
        }
        levels = try settings.counts("block_out_channels", default: [64]).count
        blocks = try settings.count("layers_per_block", default: 1)
        groups = try settings.count("norm_num_groups", default: 32)
        scaleFactor = try settings.number("scaling_factor", default: 0.18215)
        guard scaleFactor.isFinite, scaleFactor > 0 else {
            throw Failure(.data, place: "scaling_factor", "is \(scaleFactor), not a positive number")
        }
    }
}
