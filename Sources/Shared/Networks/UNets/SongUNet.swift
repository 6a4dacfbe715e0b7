import Diagnostics
import Engine
import Formats
import Tensors

// SongUNet of Karras et al. 2022, which is DDPM++ and NCSN++, under the tensor names of NVlabs/edm
// (docs/methods/networks.md, "SongUNet").

struct SongUNetBuilder {
    let configuration: NetworkConfiguration
    var builder: NetworkBuilder
    /// The outputs of the encoder that the decoder reads, the last first.
    private var skips: [Value] = []
    private let style: UNetBlock.Style
    private let halfRoot = Float(0.5).squareRoot()

    init(_ configuration: NetworkConfiguration, _ builder: NetworkBuilder) {
        self.configuration = configuration
        self.builder = builder
        style = UNetBlock.Style(
            skipScale: halfRoot, epsilon: 1e-6, adaptive: false, filter: configuration.resampleFilter,
            projectsResampled: true, heads: { _ in 1 })
    }

    mutating func build() throws -> GraphNetwork.Parts {
        let (x, noise, labels) = builder.inputs(of: configuration)
        let embedding = try embed(noise, labels: labels)
        let bottom = try encode(x, embedding)
        let output = try decode(bottom, embedding)
        return .init(graph: builder.graph, x: x, noise: noise, labels: labels, output: output)
    }

    // MARK: - Embedding

    private mutating func embed(_ noise: Value, labels: Value?) throws -> Value {
        let features = configuration.modelChannels * configuration.noiseMultiplier
        var embedding: Value
        if configuration.embedding == "fourier" {
            let frequencies = try builder.parameter("map_noise.freqs", [features / 2]).scaled(by: 2 * Float.pi)
            embedding = builder.sinusoids(noise, .learned(frequencies), sinesFirst: true)
        } else {
            embedding = builder.positionalEmbedding(noise, features: features, endpoint: true, sinesFirst: true)
        }
        if let labels {
            embedding = try builder.linear(
                "map_label", labels, segments: [features],
                inputScale: Float(configuration.labelDimension).squareRoot(), residual: embedding)
        }
        let width = [configuration.modelChannels * configuration.embeddingMultiplier]
        embedding = builder.silu(try builder.linear("map_layer0", embedding, segments: width))
        return builder.silu(try builder.linear("map_layer1", embedding, segments: width))
    }

    // MARK: - Encoder and decoder

    private mutating func encode(_ image: Value, _ embedding: Value) throws -> Value {
        var x = image
        var auxiliary = image
        for (level, multiplier) in configuration.channelMultipliers.enumerated() {
            let side = configuration.resolution(level)
            let name = "enc.\(side)x\(side)"
            if level == 0 {
                x = try builder.convolution(
                    "\(name)_conv", Sources(x), segments: [configuration.modelChannels], window: Window(3))
            } else {
                let block = UNetBlock(name: "\(name)_down", channels: x.shape.channels, resampling: .smaller)
                x = try block.build(&builder, Sources(x), embedding: embedding, style: style)
                (x, auxiliary) = try encodeAuxiliary(name, x, auxiliary)
            }
            skips.append(x)
            for index in 0..<configuration.blocks {
                let block = UNetBlock(
                    name: "\(name)_block\(index)", channels: configuration.modelChannels * multiplier,
                    attends: configuration.attends(level))
                x = try block.build(&builder, Sources(x), embedding: embedding, style: style)
                skips.append(x)
            }
        }
        return x
    }

    /// Builds NCSN++'s second way down, on which the image is shrunk beside the network and joins it at every level.
    /// Returns the network's map and the image's.
    private mutating func encodeAuxiliary(_ name: String, _ x: Value, _ auxiliary: Value) throws -> (Value, Value) {
        let filter = style.filter
        switch configuration.encoder {
        case "skip":
            let smaller = builder.resample(Sources(auxiliary), .smaller, filter: filter)
            let y = try builder.convolution(
                "\(name)_aux_skip", smaller, segments: [x.shape.channels], window: Window(1),
                options: .init(residual: x))
            return (y, smaller.values[0])
        case "residual":
            // EDM fuses the two: first the convolution, padded for both, then the filter without padding.
            let wide = try builder.convolution(
                "\(name)_aux_residual", Sources(auxiliary), segments: [x.shape.channels],
                window: Window(3, padding: 1 + (filter.count - 1) / 2))
            let smaller = builder.resample(Sources(wide), .smaller, filter: filter, padding: 0).values[0]
            let y = builder.graph.add(x.shape) { [halfRoot] in
                ScaledSum(x, smaller, output: $0, scale: halfRoot)
            }
            return (y, y)
        default:
            return (x, auxiliary)
        }
    }

    private mutating func decode(_ bottom: Value, _ embedding: Value) throws -> Value {
        var x = bottom
        var image: Value?
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
                    attends: index == configuration.blocks && configuration.attends(level))
                let skip = skips.removeLast()
                x = try block.build(&builder, Sources([x, skip]), embedding: embedding, style: style)
            }
            if configuration.decoder == "skip" || level == 0 { image = try readOff(name, x, below: image) }
        }
        return image ?? x
    }

    /// Returns the image that a level of the decoder gives, added to the enlarged image of the level below.
    private mutating func readOff(_ name: String, _ x: Value, below: Value?) throws -> Value {
        let enlarged = below.map { builder.resample(Sources($0), .larger, filter: style.filter).values[0] }
        let options = GroupNorm.Options(
            groups: UNetBlock.groups(x.shape.channels), epsilon: style.epsilon, silu: true)
        let normalized = try builder.groupNorm("\(name)_aux_norm", Sources(x), options: options)
        return try builder.convolution(
            "\(name)_aux_conv", Sources(normalized), segments: [configuration.outputChannels], window: Window(3),
            options: .init(residual: enlarged))
    }
}
