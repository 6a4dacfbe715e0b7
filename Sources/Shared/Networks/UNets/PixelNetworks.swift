import Engine
import Formats
import Tensors

/// Makes networks of every architecture from weights.
package enum PixelNetworks {
    /// Returns the network of a configuration. Throws `.data` if the weights do not fit it.
    ///
    /// - Parameters:
    ///   - prefix: the text before the tensor names of EDM's U-Nets; EDM's preconditioners keep the U-Net as "model.".
    ///   - kernel: if given, every convolution that can use this kernel does; for measurements and tests.
    package static func open(
        weights: any WeightSource, prefix: String = "model.", configuration: NetworkConfiguration, pool: ThreadPool,
        precision: ProductPrecision = .float32, kernel: ConvolutionKernel? = nil
    ) throws -> GraphNetwork {
        let isGuided = configuration.architecture == .guidedUNet
        let builder = NetworkBuilder(
            weights: weights, prefix: isGuided ? "" : prefix, kernel: kernel)
        let parts: GraphNetwork.Parts
        switch configuration.architecture {
        case .songUNet:
            var network = SongUNetBuilder(configuration, builder)
            parts = try network.build()
        case .dhariwalUNet:
            var network = DhariwalUNetBuilder(configuration, builder)
            parts = try network.build()
        case .guidedUNet:
            var network = GuidedUNetBuilder(configuration, builder)
            parts = try network.build()
        }
        return try GraphNetwork(parts, configuration: configuration, pool: pool, precision: precision)
    }

    /// Returns the weights of a file under the names that `open` asks for (`WeightSource.named`).
    package static func named(
        _ weights: any WeightSource, for configuration: NetworkConfiguration
    ) throws -> any WeightSource {
        switch configuration.architecture {
        case .songUNet, .dhariwalUNet: try weights.named(landmark: "map_layer0.weight", prefixes: ["model."])
        case .guidedUNet: try weights.named(landmark: GuidedUNetBuilder.landmark, prefixes: GuidedUNetBuilder.prefixes)
        }
    }

    /// Returns the names and shapes of all tensors that a network of this configuration reads.
    static func tensors(
        of configuration: NetworkConfiguration, _ builder: NetworkBuilder
    ) throws -> [(name: String, shape: [Int])] {
        switch configuration.architecture {
        case .songUNet:
            var network = SongUNetBuilder(configuration, builder)
            _ = try network.build()
            return network.builder.requested
        case .dhariwalUNet:
            var network = DhariwalUNetBuilder(configuration, builder)
            _ = try network.build()
            return network.builder.requested
        case .guidedUNet:
            var network = GuidedUNetBuilder(configuration, builder)
            _ = try network.build()
            return network.builder.requested
        }
    }
}
