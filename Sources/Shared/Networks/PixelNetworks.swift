import Formats
import Tensors

/// The one way from weights to a network, whatever its architecture.
package enum PixelNetworks {
    package static func open(
        weights: any WeightSource, prefix: String = "model.", configuration: NetworkConfiguration, pool: ThreadPool
    ) throws -> GraphNetwork {
        switch configuration.architecture {
        case .songUNet:
            try SongUNet.open(weights: weights, prefix: prefix, configuration: configuration, pool: pool)
        case .dhariwalUNet:
            try DhariwalUNet.open(weights: weights, prefix: prefix, configuration: configuration, pool: pool)
        }
    }

    /// Names and shapes of all tensors that a network of this configuration reads.
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
        }
    }
}
