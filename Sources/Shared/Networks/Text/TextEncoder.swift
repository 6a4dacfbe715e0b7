import Diagnostics
import Engine
import Formats
import Tensors

/// The text encoder of CLIP: token numbers to one vector for each token (Radford et al. 2021).
///
/// A token knows those before it alone; padding is computed as any other token.
package struct TextEncoder: Sendable {
    package let architecture: TextEncoderArchitecture
    /// [tokens, width]
    package var contextShape: [Int] { [architecture.positions, architecture.width] }
    /// The number of tokens in the vocabulary.
    package var vocabularyCount: Int { tokens.count }
    private let tokens: EmbeddingTable
    private let positions: EmbeddingTable
    private let network: CompiledNetwork

    /// Throws `data` if the weights do not fit the architecture.
    package init(weights: any WeightSource, architecture: TextEncoderArchitecture, pool: ThreadPool) throws {
        self.architecture = architecture
        let (naming, prefix, width) = (architecture.naming, architecture.prefix, architecture.width)
        tokens = try EmbeddingTable(prefix + TextEncoderArchitecture.tokenTable(naming), weights: weights)
        positions = try EmbeddingTable(prefix + TextEncoderArchitecture.positionTable(naming), weights: weights)
        try architecture.validate()
        guard positions.width == width else {
            throw Failure(
                .data, place: "text encoder",
                "its tokens have \(counted(width, "number")), and their positions \(positions.width)")
        }
        var builder = NetworkBuilder(weights: weights, prefix: prefix, requiresBiases: true)
        let input = builder.input(MapShape(height: positions.count, width: 1, channels: width))
        var x = input
        let used = architecture.layers - architecture.skippedLayers
        for index in 0..<used {
            x = try Self.layer(index, x, architecture, &builder)
        }
        x = try builder.layerNorm(TextEncoderArchitecture.lastNorm(naming), x)
        try builder.refuseOthers(roots: (0..<used).map { TextEncoderArchitecture.layer(naming, $0) })
        network = CompiledNetwork(builder.graph, inputs: [input], outputs: [x], differentiable: [], pool: pool)
    }

    /// Adds x += attention(norm x), then x += fc2(act(fc1(norm x))).
    private static func layer(
        _ index: Int, _ x: Value, _ architecture: TextEncoderArchitecture, _ builder: inout NetworkBuilder
    ) throws -> Value {
        let (naming, width) = (architecture.naming, architecture.width)
        let name = TextEncoderArchitecture.layer(naming, index)
        let norms = TextEncoderArchitecture.norms(naming), layers = TextEncoderArchitecture.feedForward(naming)
        let attention = name + TextEncoderArchitecture.attention(naming)
        let first = try builder.layerNorm(name + norms[0], x)
        let qkv = try projections(attention, first, naming, &builder)
        let mixed = builder.selfAttention(qkv, heads: architecture.heads, isCausal: true)
        let y = try builder.pixelwise("\(attention)out_proj", mixed, segments: [width], residual: x)
        let second = try builder.layerNorm(name + norms[1], y)
        let wide = try builder.pixelwise(name + layers[0], second, segments: [architecture.hiddenWidth])
        let active = builder.graph.add(wide.shape) {
            GaussianUnit(wide, output: $0, form: architecture.activation)
        }
        return try builder.pixelwise(name + layers[1], active, segments: [width], residual: y)
    }

    /// Returns queries, keys and values, [width, width, width].
    private static func projections(
        _ name: String, _ x: Value, _ naming: TextEncoderArchitecture.Naming, _ builder: inout NetworkBuilder
    ) throws -> Value {
        let width = x.shape.channels
        guard naming == .fused else {
            return try builder.pixelwise(
                together: ["q_proj", "k_proj", "v_proj"].map { name + $0 }, x, channels: width, biased: true)
        }
        let weight = try builder.parameter("\(name)in_proj_weight", [3 * width, width])
        let bias = try builder.parameter("\(name)in_proj_bias", [3 * width])
        return builder.convolution(
            Sources(x), segments: [width, width, width], window: Window(1), weight: weight, bias: bias)
    }

    /// Returns the vectors [B, tokens, width] of texts of token numbers, each `positions` long.
    ///
    /// Throws `data` if a text has another length, or a number is beyond the vocabulary.
    package func encode(_ texts: [[Int]]) throws -> Tensor<Float> {
        guard texts.allSatisfy({ $0.count == architecture.positions }) else {
            throw Failure(.data, "a text must have \(architecture.positions) tokens, its padding included")
        }
        let places = try positions.rows(Array(0..<architecture.positions))
        var embedded = try tokens.rows(texts.flatMap { $0 }).reshaped([texts.count] + contextShape)
        embedded.add(.concatenate(texts.map { _ in places.reshaped([1] + contextShape) }), times: 1)
        return try network.evaluate([embedded.tokensAsPixels])[0].pixelsAsTokens
    }
}
