import Formats
import Foundation
import Networks
import Tensors
import TestSupport

/// A latent diffusion model of the collection: its weights, the values recorded of it, and its configuration.
struct LatentFixture {
    let weights: any WeightSource
    let recorded: SafetensorsFile
    /// CompVis' configuration.
    let configuration: JSONValue

    /// `sd` or `lsun`.
    init(_ name: String) throws {
        let file = try SafetensorsFile(path: Fixtures.path("latent/\(name).safetensors"))
        self.init(
            file, try SafetensorsFile(path: Fixtures.path("latent/\(name).io.safetensors")),
            try JSONValue(parsing: file.configuration ?? ""))
    }

    init(_ weights: any WeightSource, _ recorded: SafetensorsFile, _ configuration: JSONValue) {
        self.weights = weights
        self.recorded = recorded
        self.configuration = configuration
    }

    var groups: Int { configuration["norm_num_groups"]?.integer ?? 32 }

    func unet(
        height: Int, width: Int, tokens: Int = 77, threads: Int = 2
    ) throws -> LatentUNet {
        let arguments = configuration["params"]?["unet_config"]?["params"] ?? configuration["init_kwargs"] ?? .null
        var configuration = try NetworkConfiguration(arguments)
        configuration.guided.groups = groups
        let prefix = weights.shape(of: "input_blocks.0.0.weight") != nil ? "" : "model.diffusion_model."
        return try LatentUNet(
            weights: weights, prefix: prefix, configuration: configuration, height: height, width: width,
            tokens: tokens,
            pool: ThreadPool(threads: threads))
    }

    func decoder(
        height: Int, width: Int, scaleFactor: Double = 0.18215, pullsOneByOne: Bool? = nil
    ) throws -> LatentDecoder {
        let prefix = AutoencoderArchitecture.prefix(in: weights) ?? ""
        return try LatentDecoder(
            weights: weights, prefix: prefix,
            architecture: try AutoencoderArchitecture(weights: weights, prefix: prefix, groups: groups),
            scaleFactor: scaleFactor, height: height, width: width, pullsOneByOne: pullsOneByOne,
            pool: ThreadPool(threads: 2))
    }

    func tensor(_ name: String) throws -> Tensor<Float> { try recorded.tensor(name).tensor() }
    func numbers(_ name: String) throws -> [Double] { try recorded.tensor(name).doubles() }
}
