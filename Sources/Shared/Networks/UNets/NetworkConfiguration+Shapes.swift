import Diagnostics
import Formats

extension NetworkConfiguration {
    /// Recognizes the U-Net of a latent diffusion model by the names and shapes of its tensors.
    ///
    /// Shapes do not show the heads of attention. Known are Stable Diffusion 1 (context of 768 numbers, 8 heads) and 2
    /// (1024, heads of 64 channels), latent diffusion's ImageNet network (512, 1 head) and its networks without context
    /// on latents of 3 channels (heads of 32 channels). For another network a configuration must tell them.
    ///
    /// - Parameter prefix: the text before the tensors' names.
    /// - Throws: `data` if the tensors are none of such a network, or if its heads are not known.
    package init(latentUNet weights: any WeightSource, prefix: String) throws {
        func shape(_ name: String) throws -> [Int]? { try weights.layerShape(of: prefix + name) }
        guard let first = try shape("input_blocks.0.0.weight"), first.count == 4,
            let last = try shape("out.2.weight")
        else {
            throw Failure(
                .data, place: prefix + "input_blocks.0.0.weight", "the model file lacks this tensor of a U-Net")
        }
        var levels = [Level()]
        var index = 1
        while try shape("input_blocks.\(index).0.op.weight") != nil
            || shape("input_blocks.\(index).0.in_layers.2.weight") != nil
        {
            if let convolution = try shape("input_blocks.\(index).0.in_layers.2.weight") {
                levels[levels.count - 1].blocks += 1
                levels[levels.count - 1].channels = convolution[0]
                levels[levels.count - 1].attends =
                    weights.shape(of: prefix + "input_blocks.\(index).1.norm.weight") != nil
            } else {
                levels.append(Level())
            }
            index += 1
        }
        let width = first[0]
        guard
            levels.allSatisfy({ $0.channels > 0 && $0.channels.isMultiple(of: width) && $0.blocks == levels[0].blocks })
        else {
            throw Failure(
                .data, place: prefix + "input_blocks", "the levels of the U-Net are none that its names alone describe",
                suggestion: "give its configuration")
        }
        self.init(imageResolution: 64, imageChannels: first[1])
        architecture = .guidedUNet
        modelChannels = width
        channelMultipliers = levels.map { $0.channels / width }
        blocks = levels[0].blocks
        attentionResolutions = levels.indices.filter { levels[$0].attends }.map { imageResolution >> $0 }
        guided.outputChannels = last[0]
        guided.scalesAndShifts = try shape("input_blocks.1.0.emb_layers.1.weight")?[0] == 2 * levels[0].channels
        guided.contextWidth = try shape("middle_block.1.transformer_blocks.0.attn2.to_k.weight")?[1]
        try setKnownHeads()
        try validate()
    }

    private struct Level {
        var channels = 0
        var blocks = 0
        var attends = false
    }

    private mutating func setKnownHeads() throws {
        switch (guided.contextWidth, imageChannels) {
        case (768, _): guided.heads = 8
        case (1024, _): guided.headChannels = 64
        case (512, _): guided.heads = 1
        case (nil, 3): guided.headChannels = 32
        default:
            throw Failure(
                .data, place: "U-Net",
                "the heads of a network whose context has \(guided.contextWidth ?? 0) numbers are not known",
                suggestion: "give its configuration")
        }
    }
}
