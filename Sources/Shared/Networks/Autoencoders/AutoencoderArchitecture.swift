import Diagnostics
import Formats

/// The decoder of an autoencoder of latent diffusion (Rombach et al. 2022): its sizes. The encoder is never needed.
package struct AutoencoderArchitecture: Sendable, Equatable {
    /// The channels of a latent.
    package var latentChannels: Int
    /// The channels that the decoder's first convolution reads.
    package var inputChannels: Int
    package var imageChannels: Int
    /// The channels of each level, the one of the picture's own size first.
    package var levelChannels: [Int]
    /// The residual blocks of a level.
    package var blocks: Int
    /// The levels whose blocks are followed by attention.
    package var attentionLevels: Set<Int> = []
    /// The groups of every group norm.
    package var groups = 32
    /// The rows of the table of codes; nil if latents are not quantized.
    package var codes: Int?

    /// The pixels of a picture for each pixel of a latent, along one side.
    package var factor: Int { 1 << (levelChannels.count - 1) }

    package init(
        latentChannels: Int, inputChannels: Int, imageChannels: Int, levelChannels: [Int], blocks: Int,
        codes: Int? = nil
    ) {
        self.latentChannels = latentChannels
        self.inputChannels = inputChannels
        self.imageChannels = imageChannels
        self.levelChannels = levelChannels
        self.blocks = blocks
        self.codes = codes
    }

    /// Returns the text before the decoder's tensor names; nil if the file has no decoder.
    package static func prefix(in weights: any WeightSource) -> String? {
        ["first_stage_model.", "vae.", ""].first { weights.shape(of: $0 + "decoder.conv_in.weight") != nil }
    }

    /// Recognizes the decoder by the shapes of its tensors. Throws `data` if they are none of such a decoder.
    ///
    /// - Parameter groups: the groups of the norms, which no shape shows.
    package init(weights: any WeightSource, prefix: String, groups: Int = 32) throws {
        func sizes(_ name: String) throws -> [Int] {
            guard let shape = try weights.layerShape(of: prefix + name) else {
                throw Failure(.data, place: prefix + name, "the model file lacks this tensor of a decoder")
            }
            return shape
        }
        func has(_ name: String) -> Bool { weights.shape(of: prefix + name) != nil }
        let post = try sizes("post_quant_conv.weight")
        var levels: [Int] = []
        while has("decoder.up.\(levels.count).block.0.conv1.weight") {
            levels.append(try sizes("decoder.up.\(levels.count).block.0.conv1.weight")[0])
        }
        var blocks = 0
        while has("decoder.up.0.block.\(blocks).conv1.weight") { blocks += 1 }
        guard !levels.isEmpty, levels.count < 12 else {
            throw Failure(.data, place: prefix + "decoder", "the model file has no levels of a decoder")
        }
        self.init(
            latentChannels: post[1], inputChannels: post[0], imageChannels: try sizes("decoder.conv_out.weight")[0],
            levelChannels: levels, blocks: blocks,
            codes: try weights.layerShape(of: prefix + "quantize.embedding.weight")?[0])
        attentionLevels = Set(levels.indices.filter { has("decoder.up.\($0).attn.0.norm.weight") })
        self.groups = groups
    }
}
