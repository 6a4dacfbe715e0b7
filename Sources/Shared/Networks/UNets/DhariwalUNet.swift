import Engine
import Formats
import Tensors

// The ADM network of Dhariwal and Nichol 2021 in EDM's form (docs/methods/networks.md, "DhariwalUNet").

struct DhariwalUNetBuilder {
    let configuration: NetworkConfiguration
    var builder: NetworkBuilder
    private var skips: [Value] = []
    private let style = UNetBlock.Style(
        skipScale: 1, epsilon: 1e-5, adaptive: true, filter: [1, 1], projectsResampled: false, heads: { $0 / 64 })

    init(_ configuration: NetworkConfiguration, _ builder: NetworkBuilder) {
        self.configuration = configuration
        self.builder = builder
    }

    mutating func build() throws -> GraphNetwork.Parts {
        let (image, noise, labels) = builder.inputs(of: configuration)
        let embedding = try embed(noise, labels: labels)
        let top = try decode(try encode(image, embedding), embedding)
        let options = GroupNorm.Options(
            groups: UNetBlock.groups(top.shape.channels), epsilon: style.epsilon, silu: true)
        let normalized = try builder.groupNorm("out_norm", Sources(top), options: options)
        let output = try builder.convolution(
            "out_conv", Sources(normalized), segments: [configuration.outputChannels], window: Window(3))
        return .init(graph: builder.graph, x: image, noise: noise, labels: labels, output: output)
    }

    private mutating func embed(_ noise: Value, labels: Value?) throws -> Value {
        let features = configuration.modelChannels
        var embedding = builder.positionalEmbedding(noise, features: features, endpoint: false, sinesFirst: false)
        let width = [features * configuration.embeddingMultiplier]
        embedding = builder.silu(try builder.linear("map_layer0", embedding, segments: width))
        embedding = try builder.linear("map_layer1", embedding, segments: width)
        if let labels {
            embedding = try builder.linear("map_label", labels, segments: width, residual: embedding)
        }
        return builder.silu(embedding)
    }

    private mutating func encode(_ image: Value, _ embedding: Value) throws -> Value {
        var x = image
        for (level, multiplier) in configuration.channelMultipliers.enumerated() {
            let side = configuration.resolution(level)
            let name = "enc.\(side)x\(side)"
            let channels = configuration.modelChannels * multiplier
            if level == 0 {
                x = try builder.convolution("\(name)_conv", Sources(x), segments: [channels], window: Window(3))
            } else {
                let block = UNetBlock(name: "\(name)_down", channels: x.shape.channels, resampling: .smaller)
                x = try block.build(&builder, Sources(x), embedding: embedding, style: style)
            }
            skips.append(x)
            for index in 0..<configuration.blocks {
                let block = UNetBlock(
                    name: "\(name)_block\(index)", channels: channels, attends: configuration.attends(level))
                x = try block.build(&builder, Sources(x), embedding: embedding, style: style)
                skips.append(x)
            }
        }
        return x
    }

    private mutating func decode(_ bottom: Value, _ embedding: Value) throws -> Value {
        var x = bottom
        let levels = configuration.channelMultipliers.count
        for (level, multiplier) in configuration.channelMultipliers.enumerated().reversed() {
            let side = configuration.resolution(level)
            let name = "dec.\(side)x\(side)"
            for block in UNetBlock.entrance(name, channels: x.shape.channels, isBottom: level == levels - 1) {
                x = try block.build(&builder, Sources(x), embedding: embedding, style: style)
            }
            for index in 0...configuration.blocks {
                let block = UNetBlock(
                    name: "\(name)_block\(index)", channels: configuration.modelChannels * multiplier,
                    attends: configuration.attends(level))
                let skip = skips.removeLast()
                x = try block.build(&builder, Sources([x, skip]), embedding: embedding, style: style)
            }
        }
        return x
    }
}
