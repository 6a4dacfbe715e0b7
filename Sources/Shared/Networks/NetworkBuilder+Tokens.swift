import Engine

// The layers of transformers. A sequence of tokens is a map: a token is a pixel.

extension NetworkBuilder {
    /// Adds the layer norm `name`, with epsilon 1e-5.
    mutating func layerNorm(_ name: String, _ input: Value) throws -> Value {
        let gamma = try parameter(name + ".weight", [input.shape.channels])
        let beta = try parameter(name + ".bias", [input.shape.channels])
        return graph.add(input.shape) { LayerNorm(input, output: $0, gamma: gamma, beta: beta) }
    }

    /// Adds the layer `name` of each pixel by itself.
    mutating func pixelwise(
        _ name: String, _ input: Value, segments: [Int], residual: Value? = nil, imageBias: Value? = nil,
        biased: Bool = true
    ) throws -> Value {
        try convolution(
            name, Sources(input), segments: segments, window: Window(1),
            options: .init(imageBias: imageBias, residual: residual), biased: biased)
    }

    /// Adds several layers of each pixel as one. Each gives a segment of `channels`.
    mutating func pixelwise(together names: [String], _ input: Value, channels: Int, biased: Bool) throws -> Value {
        let window = Window(1)
        let weights = try names.map {
            try kernelWeights($0 + ".weight", for: Sources(input), channels: channels, window)
        }
        let biases = biased ? try names.map { try parameter($0 + ".bias", [channels]) } : []
        return convolution(
            Sources(input), segments: names.map { _ in channels }, window: window, weight: .joined(weights),
            bias: biased ? .joined(biases) : nil)
    }

    /// Adds the attention of a map to itself.
    ///
    /// - Parameter qkv: segments of queries, keys and values, each with as many channels.
    mutating func selfAttention(_ qkv: Value, heads: Int, isCausal: Bool = false) -> Value {
        let shape = MapShape(height: qkv.shape.height, width: qkv.shape.width, channels: qkv.shape.channels / 3)
        return graph.add(shape) { Attention(qkv, output: $0, heads: heads, isCausal: isCausal) }
    }
}
