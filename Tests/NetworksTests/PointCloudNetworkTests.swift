import Formats
import Networks
import Tensors
import TestSupport
import Testing

/// The network and the flow of point cloud models against numbers recorded from PyTorch in Float64.
@Suite struct PointCloudNetworkTests {
    /// The network of full width, which is tested if the whole collection is there. The tests of the checkpoint cover a
    /// small one.
    @Test(.enabled(if: Fixtures.shared("pointcloud/pointwise.weights.safetensors") != nil))
    func pointwiseNet() throws {
        let path = try #require(Fixtures.shared("pointcloud/pointwise.io.safetensors"))
        let recorded = try SafetensorsFile(path: path)
        let network = try PointwiseNet(
            weights: SafetensorsFile(path: path.replacing(".io.", with: ".weights.")), prefix: "",
            isResidual: true, pool: ThreadPool(threads: 2))
        #expect(network.shapeCount == 16)
        #expect(network.multiplications == 328_448)
        let x: Tensor<Float> = try recorded.tensor("x").tensor()
        let z: Tensor<Float> = try recorded.tensor("context").tensor()
        let levels = try recorded.floats("beta").map { Double($0) }
        let (value, pullback) = network.linearize(x, levels: levels, shapes: z)
        #expect(value == network.evaluate(x, levels: levels, shapes: z))
        let pulled = pullback(try recorded.tensor("v").tensor())
        for (name, values) in [
            ("out", value.elements), ("vjp_x", pulled.x.elements), ("vjp_beta", pulled.levels.map { Float($0) }),
        ] {
            let error = relativeError(values, try recorded.tensor("\(name).f64").doubles())
            #expect(error < 1e-5, "\(name): \(error)")
        }
    }

    @Test func flow() throws {
        let file = try SafetensorsFile(path: Fixtures.path("pointcloud/flow.safetensors"))
        let flow = try FlowPrior(weights: file, prefix: "weights/")
        #expect(flow.count == 10)
        let normals = try file.floats("w")
        let shapes = stride(from: 0, to: normals.count, by: 10).flatMap {
            flow.shape(from: Array(normals[$0..<$0 + 10]))
        }
        let error = relativeError(shapes, try file.tensor("z.f64").doubles())
        #expect(error < 1e-5, "\(error)")
    }

    /// A file whose configuration asks for something that is not computed is refused by its name.
    private static let refused: [(String, String)] = [
        (#""spectral_norm": true"#, "spectral_norm"), (#""sched_mode": "cosine""#, "sched_mode: `cosine`"),
        (#""model": "vae""#, "model: `vae`"), (#""num_steps": 1"#, "num_steps"),
        (#""sample_num_points": -4"#, "sample_num_points"), (#""spectral_norm": "True""#, "spectral_norm: is `"),
        (#""sched_mode": 3"#, "sched_mode"), (#""num_steps": "inf""#, "num_steps: is `"),
        (#""beta_T": "inf""#, "beta_T"),
        (#""residual": "no""#, "residual"), (#""residual": 2"#, "residual"), (#""latent_dim": "8""#, "latent_dim"),
        (#""beta_1": 0.5, "beta_T": 0.1"#, "beta_1"),
    ]
    @Test(arguments: refused) func refusals(_ arguments: String, _ told: String) throws {
        let weights = Generator(configuration: "{\(arguments)}")
        var message = ""
        do { _ = try PointCloudConfiguration(weights) } catch { message = "\(error)" }
        #expect(message.contains(told), "\(message)")
    }

    /// Python's False may be written as 0; None is an argument that was not given.
    @Test func flagsMayBeNumbers() throws {
        func configuration(_ text: String) throws -> PointCloudConfiguration {
            try PointCloudConfiguration(Generator(configuration: text))
        }
        #expect(try !configuration(#"{"residual": 0, "spectral_norm": 0}"#).isResidual)
        #expect(try configuration(#"{"residual": null, "num_steps": null}"#).isResidual)
    }

    /// Without arguments, the buffer of noise levels and the tensors tell everything.
    @Test func theTensorsTellWhatTheArgumentsDoNot() throws {
        let bare = try PointCloudConfiguration(Generator(configuration: nil))
        #expect((bare.levelCount, bare.firstLevel, bare.lastLevel) == (3, 0.0001, 0.02))
        #expect(bare.prior == nil && bare.isResidual && bare.pointCount == 2048)
    }

    /// A file that holds nothing but the noise levels.
    private struct Generator: WeightSource {
        let configuration: String?
        var tensorNames: [String] { ["diffusion.var_sched.betas"] }
        func type(of name: String) -> DataType? { .float32 }
        func shape(of name: String) -> [Int]? { tensorNames.contains(name) ? [4] : nil }
        func floats(_ name: String) -> [Float] { [0, 0.0001, 0.01, 0.02] }
    }
}
