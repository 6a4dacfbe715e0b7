import Engine
import Formats
import Tensors

/// The one way from weights to a network, whatever its architecture.
package enum PixelNetworks {
    /// - Parameters:
    ///   - prefix: of the U-Net's tensors in the file; EDM's preconditioners hold it as "model.". That of
    ///     guided-diffusion's U-Net is found.
    ///   - kernel: used by every convolution that it can compute, in place of the best; for measurements and tests.
    package static func open(
        weights: any WeightSource, prefix: String = "model.", configuration: NetworkConfiguration, pool: ThreadPool,
        kernel: ConvolutionKernel? = nil
    ) throws -> GraphNetwork {
        let isGuided = configuration.architecture == .guidedUNet
        let builder = NetworkBuilder(
            weights: weights, prefix: isGuided ? GuidedUNetBuilder.prefix(in: weights) : prefix, kernel: kernel)
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
        return GraphNetwork(parts, configuration: configuration, pool: pool)
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
        case .guidedUNet:
            var network = GuidedUNetBuilder(configuration, builder)
            _ = try network.build()
            return network.builder.requested
        }
    }
}
