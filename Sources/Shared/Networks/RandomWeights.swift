import Diagnostics
import Formats
import Tensors

/// Weights of any architecture without a file: every element is a hash of its tensor's name and its place.
///
/// Matrices are uniform with variance 1 / inputs, so that activations keep their size; norms' scales are near 1, biases
/// small. For benchmarks and tests: the numbers mean nothing, but are the same everywhere.
package struct RandomWeights: WeightSource {
    package let tensorNames: [String]
    private let shapes: [String: [Int]]
    package let configuration: String?

    /// Names for `RandomWeights(named:)`, the networks of the speed comparison.
    package static let names = ["cifar10", "ffhq64", "mnist"]

    package init(tensors: [(name: String, shape: [Int])], configuration: String? = nil) {
        tensorNames = tensors.map(\.name)
        shapes = Dictionary(tensors.map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first })
        self.configuration = configuration
    }

    package func type(of name: String) -> DataType? { shapes[name] == nil ? nil : .float32 }
    package func shape(of name: String) -> [Int]? { shapes[name] }

    package func floats(_ name: String) throws -> [Float] {
        guard let shape = shapes[name] else { throw Failure(.data, place: name, "no such tensor") }
        let count = shape.reduce(1, *)
        let inputs = shape.dropFirst().reduce(1, *)
        let isNorm = shape.count == 1 && name.hasSuffix(".weight")
        let size: Float = shape.count > 1 ? (3 / Float(inputs)).squareRoot() : 0.1
        var seed: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name.utf8 { seed = (seed ^ UInt64(byte)) &* 0x100_0000_01B3 }
        var generator = SplitMix(seed: seed)
        return (0..<count).map { _ in (isNorm ? 1 : 0) + size * generator.signedUniform() }
    }
}

extension RandomWeights {
    /// One of `names`.
    package init(named name: String) throws {
        let arguments: String
        switch name {
        case "cifar10":
            arguments = #""img_resolution": 32, "img_channels": 3, "channel_mult": [2, 2, 2], "augment_dim": 9"#
        case "ffhq64":
            arguments = #""img_resolution": 64, "img_channels": 3, "channel_mult": [1, 2, 2, 2], "augment_dim": 9"#
        case "mnist":
            arguments =
                #""img_resolution": 32, "img_channels": 1, "channel_mult": [1, 2, 2], "model_channels": 32, "#
                + #""num_blocks": 1, "attn_resolutions": [8], "label_dim": 10"#
        default:
            throw Failure(unknown: name, choices: Self.names)
        }
        let json =
            #"{"name": "random:\#(name)", "precond": "EDMPrecond", "init_kwargs": {"model_type": "SongUNet", \#(arguments)}}"#
        try self.init(json: json)
    }

    /// Every tensor that the network of a configuration asks for, under "model.".
    package init(json: String) throws {
        let configuration = try NetworkConfiguration(json: json)
        let builder = NetworkBuilder(weights: nil, prefix: "model.")
        let tensors = try PixelNetworks.tensors(of: configuration, builder)
        self.init(tensors: tensors, configuration: json)
    }
}
