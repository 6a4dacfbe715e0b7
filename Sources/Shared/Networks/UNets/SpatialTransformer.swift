import Engine

/// The part of a U-Net that reads the context and nothing else, as a graph of its own. It runs once for each context,
/// while the rest of the network runs at every step.
struct ContextBranch {
    /// The number of tokens of a context.
    let tokens: Int
    var builder: NetworkBuilder
    let input: Value
    /// The results of the branch, and the inputs of the rest of the network that receive them.
    private(set) var outputs: [Value] = []
    private(set) var received: [Value] = []

    init(tokens: Int, width: Int, _ builder: NetworkBuilder) {
        self.tokens = tokens
        self.builder = NetworkBuilder(weights: builder.weights, prefix: builder.prefix, requiresBiases: true)
        input = self.builder.input(MapShape(height: tokens, width: 1, channels: width))
    }

    /// Adds what the attention layer `name` needs of the context, and returns it as an input of `network`.
    ///
    /// These are keys and values, [C, C] for each token. If there is one token, all its weights are 1, and the layer
    /// gives every pixel one vector, whatever the queries: that vector is the result.
    mutating func add(_ name: String, channels: Int, to network: inout NetworkBuilder) throws -> Value {
        let output: Value
        if tokens == 1 {
            let values = try builder.pixelwise("\(name).to_v", input, segments: [channels], biased: false)
            output = try builder.pixelwise("\(name).to_out.0", values, segments: [channels])
        } else {
            output = try builder.pixelwise(
                together: ["\(name).to_k", "\(name).to_v"], input, channels: channels, biased: false)
        }
        outputs.append(output)
        received.append(network.input(output.shape))
        return received[received.count - 1]
    }
}

extension GuidedUNetBuilder {
    /// Adds latent diffusion's SpatialTransformer: x + proj_out(block(proj_in(norm x))), over the pixels as tokens.
    mutating func transformer(_ name: String, _ x: Value, heads: Int) throws -> Value {
        let channels = x.shape.channels
        let norm = GroupNorm.Options(groups: options.groups, epsilon: 1e-6, silu: false)
        let normalized = try builder.groupNorm("\(name).norm", Sources(x), options: norm)
        let tokens = try builder.pixelwise("\(name).proj_in", normalized, segments: [channels])
        let block = try transformerBlock("\(name).transformer_blocks.0", tokens, heads: heads)
        return try builder.pixelwise("\(name).proj_out", block, segments: [channels], residual: x)
    }

    /// Adds self-attention, attention to the context, and a gated layer, each with a layer norm before it and its input
    /// added.
    private mutating func transformerBlock(_ name: String, _ x: Value, heads: Int) throws -> Value {
        let channels = x.shape.channels
        let first = try builder.layerNorm("\(name).norm1", x)
        let qkv = try builder.pixelwise(
            together: ["to_q", "to_k", "to_v"].map { "\(name).attn1.\($0)" }, first, channels: channels, biased: false)
        let mixed = builder.selfAttention(qkv, heads: heads)
        let told = try context?.add("\(name).attn2", channels: channels, to: &builder)
        let isVector = told?.shape.pixels == 1
        var y = try builder.pixelwise(
            "\(name).attn1.to_out.0", mixed, segments: [channels], residual: x, imageBias: isVector ? told : nil)
        if let told, !isVector {
            y = try attend(name, y, to: told, heads: heads)
        } else {
            try skipQueries(name, channels: channels)
        }
        let wide = try builder.pixelwise(
            "\(name).ff.net.0.proj", try builder.layerNorm("\(name).norm3", y), segments: [4 * channels, 4 * channels])
        let gated = builder.graph.add(MapShape(height: x.shape.height, width: x.shape.width, channels: 4 * channels)) {
            GatedGaussianUnit(wide, output: $0)
        }
        return try builder.pixelwise("\(name).ff.net.2", gated, segments: [channels], residual: y)
    }

    /// Adds x + attention of x to the context's keys and values.
    private mutating func attend(_ name: String, _ x: Value, to told: Value, heads: Int) throws -> Value {
        let normalized = try builder.layerNorm("\(name).norm2", x)
        let queries = try builder.pixelwise(
            "\(name).attn2.to_q", normalized, segments: [x.shape.channels], biased: false)
        let mixed = builder.graph.add(x.shape) {
            Attention(queries: queries, context: told, output: $0, heads: heads)
        }
        return try builder.pixelwise("\(name).attn2.to_out.0", mixed, segments: [x.shape.channels], residual: x)
    }

    /// Asks for the weights of attention to one token that have no influence, so that a file must have them.
    private mutating func skipQueries(_ name: String, channels: Int) throws {
        for part in ["weight", "bias"] { _ = try builder.parameter("\(name).norm2.\(part)", [channels]) }
        _ = try builder.parameter("\(name).attn2.to_q.weight", [channels, channels])
        _ = try builder.parameter("\(name).attn2.to_k.weight", [channels, options.contextWidth ?? channels])
    }
}
