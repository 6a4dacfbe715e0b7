import Formats

/// The names of a network's modules in two namings: CompVis', which single files have, and diffusers', which folders
/// have.
///
/// A rule names a module in both, that is, the start of the names of its tensors up to a dot. The rest of a name is the
/// same in both. If several rules fit a name, the longest one decides.
package struct ModuleNames: Sendable {
    private var fromCompVis: [String: String] = [:]
    private var fromDiffusers: [String: String] = [:]

    private init(_ rules: KeyValuePairs<String, String>) {
        for (own, other) in rules { add(own, other) }
    }

    private mutating func add(_ own: String, _ other: String) {
        fromCompVis[own] = other
        fromDiffusers[other] = own
    }

    /// Adds the module `own`, called `other` by diffusers, and those of its parts that have two names.
    private mutating func add(_ own: String, _ other: String, parts: KeyValuePairs<String, String>) {
        add(own, other)
        for (ownPart, otherPart) in parts { add("\(own).\(ownPart)", "\(other).\(otherPart)") }
    }

    /// Returns diffusers' name of a tensor; nil if no rule fits it.
    package func diffusers(_ name: String) -> String? { Self.renamed(name, by: fromCompVis) }

    /// Returns CompVis' name of a tensor; nil if no rule fits it.
    package func compVis(_ name: String) -> String? { Self.renamed(name, by: fromDiffusers) }

    private static func renamed(_ name: String, by rules: [String: String]) -> String? {
        var module = name[...]
        while let dot = module.lastIndex(of: ".") {
            module = name[..<dot]
            if let other = rules[String(module)] { return other + name[dot...] }
        }
        return nil
    }
}

// MARK: - U-Nets

extension ModuleNames {
    /// The names of a U-Net's modules, behind CompVis' `model.diffusion_model.`.
    package static func unet(_ configuration: NetworkConfiguration) -> ModuleNames {
        let levels = configuration.channelMultipliers.indices
        return unet(blocks: configuration.blocks, attends: levels.map { configuration.attends($0) })
    }

    /// Returns the names for a U-Net whose tensors have diffusers' names; nil if they are not all there.
    package static func unet(in weights: any WeightSource) -> ModuleNames? {
        func has(_ name: String) -> Bool { weights.shape(of: name) != nil }
        guard ["conv_in.weight", "mid_block.resnets.0.conv1.weight", "conv_out.weight"].allSatisfy(has) else {
            return nil
        }
        let levels = count { has("down_blocks.\($0).resnets.0.conv1.weight") }
        let blocks = count { has("down_blocks.0.resnets.\($0).conv1.weight") }
        let top = "up_blocks.\(levels - 1).resnets.\(blocks).conv1.weight"
        guard levels > 0, has(top) else { return nil }
        return unet(blocks: blocks, attends: (0..<levels).map { has("down_blocks.\($0).attentions.0.norm.weight") })
    }

    /// - Parameters:
    ///   - blocks: the residual blocks of a level of the encoder; the decoder has one more.
    ///   - attends: whether a level has attention, from the picture's own size down.
    private static func unet(blocks: Int, attends: [Bool]) -> ModuleNames {
        var names = ModuleNames([
            "time_embed.0": "time_embedding.linear_1", "time_embed.2": "time_embedding.linear_2",
            "input_blocks.0.0": "conv_in", "middle_block.1": "mid_block.attentions.0",
            "out.0": "conv_norm_out", "out.2": "conv_out",
        ])
        let parts: KeyValuePairs = [
            "in_layers.0": "norm1", "in_layers.2": "conv1", "emb_layers.1": "time_emb_proj", "out_layers.0": "norm2",
            "out_layers.3": "conv2", "skip_connection": "conv_shortcut",
        ]
        names.add("middle_block.0", "mid_block.resnets.0", parts: parts)
        names.add("middle_block.2", "mid_block.resnets.1", parts: parts)
        let last = attends.count - 1
        for level in attends.indices {
            let (down, up, first) = ("down_blocks.\(level)", "up_blocks.\(level)", level * (blocks + 1))
            for block in 0..<blocks {
                names.add("input_blocks.\(first + 1 + block).0", "\(down).resnets.\(block)", parts: parts)
                names.add("input_blocks.\(first + 1 + block).1", "\(down).attentions.\(block)")
            }
            for block in 0...blocks {
                names.add("output_blocks.\(first + block).0", "\(up).resnets.\(block)", parts: parts)
                names.add("output_blocks.\(first + block).1", "\(up).attentions.\(block)")
            }
            guard level < last else { continue }
            names.add("input_blocks.\(first + 1 + blocks).0.op", "\(down).downsamplers.0.conv")
            // CompVis counts the modules of a block. diffusers counts levels of the decoder from the bottom.
            let place = attends[last - level] ? 2 : 1
            names.add("output_blocks.\(first + blocks).\(place).conv", "\(up).upsamplers.0.conv")
        }
        return names
    }
}

// MARK: - Autoencoders

extension ModuleNames {
    /// The names of an autoencoder's modules, behind CompVis' `first_stage_model.`.
    ///
    /// - Parameters:
    ///   - levels: the number of levels.
    ///   - blocks: the residual blocks of a level of the encoder; the decoder has one more.
    package static func autoencoder(levels: Int, blocks: Int) -> ModuleNames {
        var names = ModuleNames([
            "quant_conv": "quant_conv", "post_quant_conv": "post_quant_conv",
            "quantize.embedding": "quantize.embedding",
        ])
        let parts: KeyValuePairs = ["nin_shortcut": "conv_shortcut"]
        for side in ["encoder", "decoder"] {
            let middle = "\(side).mid_block"
            names.add("\(side).conv_in", "\(side).conv_in")
            names.add("\(side).norm_out", "\(side).conv_norm_out")
            names.add("\(side).conv_out", "\(side).conv_out")
            names.add("\(side).mid.block_1", "\(middle).resnets.0", parts: parts)
            names.add("\(side).mid.block_2", "\(middle).resnets.1", parts: parts)
            names.addAttention("\(side).mid.attn_1", "\(middle).attentions.0")
        }
        for level in 0..<levels {
            let (down, up) = ("encoder.down_blocks.\(level)", "decoder.up_blocks.\(levels - 1 - level)")
            for block in 0..<blocks {
                names.add("encoder.down.\(level).block.\(block)", "\(down).resnets.\(block)", parts: parts)
                names.addAttention("encoder.down.\(level).attn.\(block)", "\(down).attentions.\(block)")
            }
            for block in 0...blocks {
                names.add("decoder.up.\(level).block.\(block)", "\(up).resnets.\(block)", parts: parts)
                names.addAttention("decoder.up.\(level).attn.\(block)", "\(up).attentions.\(block)")
            }
            names.add("encoder.down.\(level).downsample.conv", "\(down).downsamplers.0.conv")
            names.add("decoder.up.\(level).upsample.conv", "\(up).upsamplers.0.conv")
        }
        return names
    }

    package static func autoencoder(_ settings: AutoencoderSettings) -> ModuleNames {
        autoencoder(levels: settings.levels, blocks: settings.blocks)
    }

    /// Returns the names for an autoencoder whose tensors have diffusers' names behind `prefix`; nil if they have not.
    package static func autoencoder(in weights: any WeightSource, prefix: String) -> ModuleNames? {
        func has(_ name: String) -> Bool { weights.shape(of: "\(prefix)decoder.up_blocks.\(name).conv1.weight") != nil }
        let (levels, blocks) = (count { has("\($0).resnets.0") }, count { has("0.resnets.\($0)") })
        return levels > 0 && blocks > 1 ? autoencoder(levels: levels, blocks: blocks - 1) : nil
    }

    /// Returns the first number for which `exists` is false.
    private static func count(where exists: (Int) -> Bool) -> Int {
        var number = 0
        while number < 64, exists(number) { number += 1 }
        return number
    }

    /// Adds an attention layer. Until version 0.17 diffusers had other names for its parts; they are read too.
    private mutating func addAttention(_ own: String, _ other: String) {
        let old: KeyValuePairs = ["query": "q", "key": "k", "value": "v", "proj_attn": "proj_out"]
        for (part, ownPart) in old { fromDiffusers["\(other).\(part)"] = "\(own).\(ownPart)" }
        add(own, other, parts: ["norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0"])
    }
}
