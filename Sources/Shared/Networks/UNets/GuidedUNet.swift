import Diagnostics
import Engine
import Formats

// The U-Net of guided-diffusion (Dhariwal and Nichol 2021), improved DDPM (Nichol and Dhariwal 2021) and latent
// diffusion (Rombach et al. 2022) under its own tensor names. Its input is the number t of the step in 0...999, not a
// function of the noise level. If a network learned variances, the first half of its output channels predicts the
// noise.

struct GuidedUNetBuilder {
    let configuration: NetworkConfiguration
    var builder: NetworkBuilder
    /// The branch that reads the context; nil if the network has plain attention.
    var context: ContextBranch?
    private var skips: [Value] = []
    /// The numbers of blocks in the encoder and in the decoder so far. A block is named by its number.
    private var inputBlocks = 0
    private var outputBlocks = 0

    /// The texts that may stand before the U-Net's tensor names in a file: none, `model.`, or that of latent diffusion.
    static let prefixes = ["", "model.", "model.diffusion_model."]
    /// A tensor that every such U-Net has.
    static let landmark = "input_blocks.0.0.weight"

    var options: GuidedOptions { configuration.guided }
    private var levels: Int { configuration.channelMultipliers.count }

    init(_ configuration: NetworkConfiguration, _ builder: NetworkBuilder, context: ContextBranch? = nil) {
        self.configuration = configuration
        self.builder = builder
        self.context = context
    }

    /// Builds a network of pixels.
    mutating func build() throws -> GraphNetwork.Parts {
        guard options.contextWidth == nil else {
            throw Failure(.data, place: "configuration", "a network with transformers denoises latents, not images")
        }
        let (image, step, labels) = builder.inputs(of: configuration)
        let output = try build(image: image, step: step, labels: labels)
        return .init(graph: builder.graph, x: image, noise: step, labels: labels, output: output)
    }

    /// Builds the network on its inputs, and returns its output.
    ///
    /// - Parameter step: the number of the step as one feature, or as the sum of two.
    mutating func build(image: Value, step: Value, labels: Value?) throws -> Value {
        let embedding = try embed(step, labels: labels)
        var x = try encode(image, embedding)
        x = try block("middle_block.0", Sources(x), x.shape.channels, embedding)
        x = try attention("middle_block.1", x)
        x = try block("middle_block.2", Sources(x), x.shape.channels, embedding)
        x = try decode(x, embedding)
        let normalized = try builder.groupNorm("out.0", Sources(x), options: norm())
        return try builder.convolution(
            "out.2", Sources(normalized), segments: [configuration.outputChannels], window: Window(3))
    }

    /// Returns SiLU of the embedding; the blocks read nothing else of it.
    private mutating func embed(_ step: Value, labels: Value?) throws -> Value {
        let features = configuration.modelChannels
        var embedding = builder.positionalEmbedding(
            step, features: features, endpoint: false, sinesFirst: false, rounded: step.shape.channels == 1)
        let width = 4 * features
        embedding = builder.silu(try builder.linear("time_embed.0", embedding, segments: [width]))
        embedding = try builder.linear("time_embed.2", embedding, segments: [width])
        if let labels {
            let table = try builder.parameter("label_emb.weight", [labels.shape.channels, width])
            let time = embedding
            embedding = builder.graph.add(time.shape) {
                Convolution(
                    Sources(labels), output: $0, window: Window(1), weight: table.transposed(), bias: nil,
                    options: .init(residual: time))
            }
        }
        return builder.silu(embedding)
    }

    // MARK: - Encoder and decoder

    private mutating func nextInput() -> String {
        defer { inputBlocks += 1 }
        return "input_blocks.\(inputBlocks)"
    }

    private mutating func encode(_ image: Value, _ embedding: Value) throws -> Value {
        let width = configuration.modelChannels
        var x = try builder.convolution(
            "\(nextInput()).0", Sources(image), segments: [configuration.channelMultipliers[0] * width],
            window: Window(3))
        skips.append(x)
        for (level, multiplier) in configuration.channelMultipliers.enumerated() {
            for _ in 0..<configuration.blocks {
                let name = nextInput()
                x = try block("\(name).0", Sources(x), multiplier * width, embedding)
                if configuration.attends(level) { x = try attention("\(name).1", x) }
                skips.append(x)
            }
            guard level < levels - 1 else { continue }
            x = try smaller("\(nextInput()).0", x, embedding)
            skips.append(x)
        }
        return x
    }

    private mutating func decode(_ bottom: Value, _ embedding: Value) throws -> Value {
        var x = bottom
        for (level, multiplier) in configuration.channelMultipliers.enumerated().reversed() {
            for index in 0...configuration.blocks {
                let name = "output_blocks.\(outputBlocks)"
                outputBlocks += 1
                let channels = multiplier * configuration.modelChannels
                x = try block("\(name).0", Sources([x, skips.removeLast()]), channels, embedding)
                if configuration.attends(level) { x = try attention("\(name).1", x) }
                if level > 0, index == configuration.blocks {
                    x = try larger("\(name).\(configuration.attends(level) ? 2 : 1)", x, embedding)
                }
            }
        }
        return x
    }

    private mutating func smaller(_ name: String, _ x: Value, _ embedding: Value) throws -> Value {
        if options.resamplesInBlocks {
            return try block(name, Sources(x), x.shape.channels, embedding, resampling: .smaller)
        }
        guard options.convolvesResampled else {
            return builder.resample(Sources(x), .smaller, filter: [1, 1]).values[0]
        }
        return try builder.convolution(
            "\(name).op", Sources(x), segments: [x.shape.channels], window: Window(3, stride: 2))
    }

    private mutating func larger(_ name: String, _ x: Value, _ embedding: Value) throws -> Value {
        if options.resamplesInBlocks {
            return try block(name, Sources(x), x.shape.channels, embedding, resampling: .larger)
        }
        guard options.convolvesResampled else {
            return builder.resample(Sources(x), .larger, filter: [1, 1]).values[0]
        }
        return try builder.convolution(
            "\(name).conv", Sources(x), segments: [x.shape.channels], window: Window(3, upsamples: true))
    }
}

// MARK: - Blocks

extension GuidedUNetBuilder {
    private func norm(silu: Bool = true, halves: Bool = false, adaptation: Value? = nil) -> GroupNorm.Options {
        GroupNorm.Options(
            groups: options.groups, epsilon: 1e-5, silu: silu, halves: halves, adaptation: adaptation)
    }

    /// Adds a ResBlock: x' + conv(silu(norm(conv(silu(norm x)) + e))). The embedding e is added, or is scale and shift.
    private mutating func block(
        _ name: String, _ x: Sources, _ channels: Int, _ embedding: Value,
        resampling: UNetBlock.Resampling = .none
    ) throws -> Value {
        let adapts = options.scalesAndShifts
        let parameters = try builder.linear(
            "\(name).emb_layers.1", embedding, segments: adapts ? [channels, channels] : [channels])
        let activated = try builder.groupNorm("\(name).in_layers.0", x, options: norm(halves: resampling == .smaller))
        var h = try builder.convolution(
            "\(name).in_layers.2", Sources(activated), segments: [channels],
            window: Window(3, upsamples: resampling == .larger), options: .init(imageBias: adapts ? nil : parameters))
        h = try builder.groupNorm(
            "\(name).out_layers.0", Sources(h), options: norm(adaptation: adapts ? parameters : nil))
        var shortcut = x
        switch resampling {
        case .none: break
        case .smaller: shortcut = builder.resample(x, .smaller, filter: [1, 1])
        case .larger: shortcut = builder.resample(x, .larger, filter: [1, 1])
        }
        let residual =
            shortcut.shape.channels == channels
            ? builder.joined(shortcut)
            : try builder.convolution("\(name).skip_connection", shortcut, segments: [channels], window: Window(1))
        return try builder.convolution(
            "\(name).out_layers.3", Sources(h), segments: [channels], window: Window(3),
            options: .init(residual: residual))
    }

    /// Adds the attention of one place: a transformer that reads the context, or an AttentionBlock,
    /// x + proj(attention(qkv(norm x))).
    private mutating func attention(_ name: String, _ x: Value) throws -> Value {
        let channels = x.shape.channels
        let heads = options.heads(channels)
        guard heads > 0, channels.isMultiple(of: heads) else {
            throw Failure(.data, place: builder.prefix + name, "\(channels) channels cannot be cut into \(heads) heads")
        }
        if options.contextWidth != nil { return try transformer(name, x, heads: heads) }
        let normalized = try builder.groupNorm("\(name).norm", Sources(x), options: norm(silu: false))
        let size = channels / heads
        // The order of rows in the file is (head, q/k/v, channel) unless they are cut before the heads; ours is q, k,
        // v, each (head, channel).
        let order = (0..<3).flatMap { part in
            (0..<channels).map { $0 / size * 3 * size + part * size + $0 % size }
        }
        let qkv = try builder.convolution(
            "\(name).qkv", Sources(normalized), segments: [channels, channels, channels], window: Window(1),
            order: options.splitsBeforeHeads ? nil : order)
        let mixed = builder.selfAttention(qkv, heads: heads)
        return try builder.convolution(
            "\(name).proj_out", Sources(mixed), segments: [channels], window: Window(1), options: .init(residual: x))
    }
}

extension Parameter {
    /// The matrix with rows and columns exchanged.
    fileprivate func transposed() -> Parameter {
        let (rows, columns) = (shape[0], shape[1])
        return Parameter(name: name, shape: [columns, rows]) {
            let elements = try load()
            return (0..<rows * columns).map { elements[$0 % rows * columns + $0 / rows] }
        }
    }
}
