import Engine

// The decoder of latent diffusion's autoencoders under CompVis' tensor names.

struct AutoencoderBuilder {
    let architecture: AutoencoderArchitecture
    var builder: NetworkBuilder

    init(_ architecture: AutoencoderArchitecture, _ builder: NetworkBuilder) {
        self.architecture = architecture
        self.builder = builder
    }

    /// Builds the decoder on latents, quantized first if the autoencoder has codes, and returns the pictures.
    mutating func build(_ latents: Value) throws -> Value {
        var x = latents
        if let codes = architecture.codes {
            let table = try builder.parameter("quantize.embedding.weight", [codes, architecture.latentChannels])
            x = builder.graph.add(x.shape) { [x] in NearestCode(x, output: $0, codes: table) }
        }
        x = try builder.pixelwise("post_quant_conv", x, segments: [architecture.inputChannels])
        let levels = architecture.levelChannels
        x = try convolution("decoder.conv_in", x, levels[levels.count - 1])
        x = try block("decoder.mid.block_1", x, x.shape.channels)
        x = try attention("decoder.mid.attn_1", x)
        x = try block("decoder.mid.block_2", x, x.shape.channels)
        for (level, channels) in levels.enumerated().reversed() {
            if level < levels.count - 1 {
                x = try convolution("decoder.up.\(level + 1).upsample.conv", x, x.shape.channels, upsamples: true)
            }
            for index in 0..<architecture.blocks {
                x = try block("decoder.up.\(level).block.\(index)", x, channels)
                if architecture.attentionLevels.contains(level) {
                    x = try attention("decoder.up.\(level).attn.\(index)", x)
                }
            }
        }
        return try convolution(
            "decoder.conv_out", norm("decoder.norm_out", x, silu: true), architecture.imageChannels)
    }

    private mutating func norm(_ name: String, _ x: Value, silu: Bool) throws -> Value {
        try builder.groupNorm(
            name, Sources(x), options: .init(groups: architecture.groups, epsilon: 1e-6, silu: silu))
    }

    private mutating func convolution(
        _ name: String, _ x: Value, _ channels: Int, upsamples: Bool = false, residual: Value? = nil
    ) throws -> Value {
        try builder.convolution(
            name, Sources(x), segments: [channels], window: Window(3, upsamples: upsamples),
            options: .init(residual: residual))
    }

    /// Adds a ResnetBlock: x' + conv2(silu(norm2(conv1(silu(norm1 x))))), with x' = x or a 1x1 convolution of it.
    private mutating func block(_ name: String, _ x: Value, _ channels: Int) throws -> Value {
        let h = try convolution("\(name).conv1", norm("\(name).norm1", x, silu: true), channels)
        let shortcut =
            x.shape.channels == channels
            ? x : try builder.pixelwise("\(name).nin_shortcut", x, segments: [channels])
        return try convolution("\(name).conv2", norm("\(name).norm2", h, silu: true), channels, residual: shortcut)
    }

    /// Adds an AttnBlock: x + proj_out(attention(norm x)), with one head.
    private mutating func attention(_ name: String, _ x: Value) throws -> Value {
        let channels = x.shape.channels
        let qkv = try builder.pixelwise(
            together: ["q", "k", "v"].map { "\(name).\($0)" }, norm("\(name).norm", x, silu: false), channels: channels,
            biased: true)
        let mixed = builder.selfAttention(qkv, heads: 1)
        return try builder.pixelwise("\(name).proj_out", mixed, segments: [channels], residual: x)
    }
}
