import Diagnostics
import Formats
import Tensors

/// A point cloud model's networks: the denoiser, and the flow that draws shapes.
package struct PointCloudGenerator: Sendable {
    package let configuration: PointCloudConfiguration
    package let network: PointwiseNet
    /// Draws a shape's numbers from normal numbers; nil if they are normal themselves, or cannot be drawn.
    package let flow: FlowPrior?

    /// F, the numbers of a shape.
    package var shapeCount: Int { network.shapeCount }

    /// Throws `data` if the weights are not those of a point cloud model that is computed here.
    package init(weights: any WeightSource, pool: ThreadPool) throws {
        configuration = try PointCloudConfiguration(weights)
        network = try PointwiseNet(
            weights: weights, prefix: PointCloudConfiguration.denoiserPrefix, isResidual: configuration.isResidual,
            pool: pool)
        flow =
            configuration.prior == .flow
            ? try FlowPrior(weights: weights, prefix: PointCloudConfiguration.flowPrefix) : nil
        if let flow, flow.count != network.shapeCount {
            throw Failure(
                .data, place: "flow.chain.0",
                "makes \(flow.count) numbers where the network takes \(network.shapeCount)")
        }
        try Self.require(configuration.shapeCount, network.shapeCount, "latent_dim", "the network takes")
        if let flow { try Self.require(configuration.couplingCount, flow.depth, "latent_flow_depth", "the flow has") }
    }

    private static func require(_ told: Int?, _ found: Int, _ key: String, _ owner: String) throws {
        guard let told, told != found else { return }
        throw Failure(.data, place: "configuration: \(key)", "is \(told), and \(owner) \(found)")
    }
}
