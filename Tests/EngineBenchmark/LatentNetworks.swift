import Diagnostics
import Engine
import Formats
import Networks
import Tensors

/// The released networks of latent diffusion at full size, with random weights.
enum LatentNetworks: String, CaseIterable {
    case lsun
    case imagenet
    case sd15
    case decoder4 = "vq-f4-256"
    case decoder8 = "kl-f8-512"
    /// Five guided steps of Stable Diffusion, decoded.
    case training = "sd15-step"

    /// - Parameter type: the type in which the weights are stored: F32, F16 or BF16.
    func open(_ type: DataType, _ precision: ProductPrecision, pool: ThreadPool) throws -> BenchmarkNetwork {
        switch self {
        case .lsun, .imagenet, .sd15: try BenchmarkNetwork(network(type, precision, pool))
        case .decoder4, .decoder8: BenchmarkNetwork(try decoder(type, precision, pool))
        case .training:
            try BenchmarkNetwork(
                solving: Self.sd15.network(type, precision, pool),
                decodedBy: Self.decoder8.decoder(type, precision, pool))
        }
    }

    private func network(_ type: DataType, _ precision: ProductPrecision, _ pool: ThreadPool) throws -> LatentUNet {
        let configuration = try NetworkConfiguration(json: unetArguments)
        let tokens = self == .sd15 ? 77 : 1
        func make(_ weights: (any WeightSource)?) throws -> LatentUNet {
            try LatentUNet(
                weights: weights, prefix: "", configuration: configuration, height: 64, width: 64, tokens: tokens,
                pool: pool, precision: precision)
        }
        return try make(StoredWeights(try make(nil).tensors, type))
    }

    private func decoder(_ type: DataType, _ precision: ProductPrecision, _ pool: ThreadPool) throws -> LatentDecoder {
        func make(_ weights: (any WeightSource)?) throws -> LatentDecoder {
            try LatentDecoder(
                weights: weights, prefix: "", architecture: architecture, scaleFactor: 1, height: 64, width: 64,
                pool: pool, precision: precision)
        }
        return try make(StoredWeights(try make(nil).tensors, type))
    }

    private var unetArguments: String {
        let common = #""model_type": "UNetModel", "image_size": 64, "num_res_blocks": 2, "#
        switch self {
        case .sd15:
            return "{\(common)"
                + #""in_channels": 4, "out_channels": 4, "model_channels": 320, "channel_mult": [1, 2, 4, 4], "#
                + #""attention_resolutions": [1, 2, 4], "num_heads": 8, "use_spatial_transformer": true, "#
                + #""context_dim": 768}"#
        case .imagenet:
            return "{\(common)"
                + #""in_channels": 3, "out_channels": 3, "model_channels": 192, "channel_mult": [1, 2, 3, 5], "#
                + #""attention_resolutions": [2, 4, 8], "num_heads": 1, "use_spatial_transformer": true, "#
                + #""context_dim": 512}"#
        default:
            return "{\(common)"
                + #""in_channels": 3, "out_channels": 3, "model_channels": 224, "channel_mult": [1, 2, 3, 4], "#
                + #""attention_resolutions": [2, 4, 8], "num_head_channels": 32}"#
        }
    }

    private var architecture: AutoencoderArchitecture {
        let isLarge = self == .decoder8
        return AutoencoderArchitecture(
            latentChannels: isLarge ? 4 : 3, inputChannels: isLarge ? 4 : 3, imageChannels: 3,
            levelChannels: isLarge ? [128, 256, 512, 512] : [128, 256, 512], blocks: 3)
    }
}

/// Random weights as a file of 2-byte elements would hold them.
private struct StoredWeights: WeightSource {
    private let weights: RandomWeights
    private let type: DataType

    init(_ tensors: [(name: String, shape: [Int])], _ type: DataType) throws {
        guard [.float32, .float16, .bfloat16].contains(type) else {
            throw Failure(.usage, "weights are stored as F32, F16 or BF16")
        }
        weights = RandomWeights(tensors: tensors)
        self.type = type
    }

    var tensorNames: [String] { weights.tensorNames }
    var configuration: String? { nil }
    func type(of name: String) -> DataType? { weights.type(of: name) == nil ? nil : type }
    func shape(of name: String) -> [Int]? { weights.shape(of: name) }

    func floats(_ name: String) throws -> [Float] {
        let floats = try weights.floats(name)
        switch type {
        case .float16: return floats.map { Float(Float16($0)) }
        case .bfloat16: return floats.map { Float(bitPattern: $0.bitPattern & 0xFFFF_0000) }
        default: return floats
        }
    }
}
