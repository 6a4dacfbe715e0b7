import Formats
import Networks
import Tensors
import TestSupport
import Testing

/// EDM's networks against values and cotangents of the reference implementation in double precision.
@Suite struct FixtureParityTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        /// The tolerances of D and of its cotangents of x and sigma, relative to the largest element.
        var tolerances: [Double]
        var testDescription: String { name }
    }

    /// The last two networks are too large for the repository. They are tested if the whole collection is there.
    static let cases =
        [
            Case(name: "ddpmpp_uncond_edm", tolerances: [2e-5, 1e-5, 5e-5]),
            Case(name: "ddpmpp_cond_edm", tolerances: [1e-5, 2e-5, 1e-5]),
            Case(name: "ddpmpp_uncond_vp", tolerances: [2e-5, 1e-4, 1e-3]),
            Case(name: "ncsnpp_uncond_edm", tolerances: [2e-5, 1e-5, 5e-4]),
            Case(name: "ncsnpp_uncond_ve", tolerances: [1e-5, 5e-5, 2e-3]),
            Case(name: "adm_cond_edm", tolerances: [1e-5, 1e-5, 1e-5]),
        ]
        + [
            Case(name: "ncsnpp_skip_edm", tolerances: [2e-5, 1e-5, 2e-5]),
            Case(name: "adm_uncond_iddpm", tolerances: [2e-5, 5e-5, 5e-5]),
        ].filter { Fixtures.shared("networks/\($0.name).weights.safetensors") != nil }

    @Test(arguments: cases) func matchesTheReference(_ fixture: Case) throws {
        let (weights, recorded) = try networkFixture(fixture.name, folder: "networks")
        let configuration = try NetworkConfiguration(json: try #require(weights.configuration))
        let network = try PixelNetworks.open(
            weights: weights, configuration: configuration, pool: ThreadPool(threads: 2))
        let levels = configuration.preconditioning == "iDDPMPrecond" ? try weights.floats("u") : []
        let model = try PreconditionedNetwork(network, levels: levels.map { Double($0) })
        let labels: Tensor<Float>? =
            configuration.labelDimension > 0 ? try recorded.tensor("class_labels").tensor() : nil
        let (x, sigma) = (try recorded.tensor("x").tensor(of: Float.self), try recorded.floats("sigma"))
        let result = try model.vjp(x, sigma: sigma, labels: labels, cotangent: try recorded.tensor("v").tensor())
        #expect(try model.denoise(x, sigma: sigma, labels: labels) == result.value)
        let pairs: [([Double], String)] = [
            (doubles(result.value), "D.f64"), (doubles(result.x), "vjp_x.f64"), (result.sigma, "vjp_sigma.f64"),
        ]
        for ((values, name), tolerance) in zip(pairs, fixture.tolerances) {
            let error = relativeError(values, try recorded.tensor(name).doubles())
            #expect(error < tolerance, "\(fixture.name) \(name): \(error)")
        }
    }

    @Test func noLabelIsAllZeros() throws {
        let (weights, recorded) = try networkFixture("ddpmpp_cond_edm", folder: "networks")
        let configuration = try NetworkConfiguration(json: try #require(weights.configuration))
        let network = try PixelNetworks.open(
            weights: weights, configuration: configuration, pool: ThreadPool(threads: 1))
        let value = try PreconditionedNetwork(network).denoise(
            try recorded.tensor("x").tensor(), sigma: try recorded.floats("sigma"), labels: nil)
        #expect(relativeError(doubles(value), try recorded.tensor("D_nolabel").doubles()) < 1e-5)
    }

    @Test func embeddedModel() throws {
        let weights = try SafetensorsFile(path: EmbeddedModel.path)
        let recorded = try SafetensorsFile(path: Fixtures.path("models/mnist32-check.safetensors"))
        let configuration = try NetworkConfiguration(json: try #require(weights.configuration))
        #expect(configuration.name == "mnist32" && configuration.sigmaMax == 80 && configuration.labelDimension == 10)
        let network = try PixelNetworks.open(
            weights: weights, configuration: configuration, pool: ThreadPool(threads: 2))
        let model = try PreconditionedNetwork(network)
        let (x, sigma) = (try recorded.tensor("x").tensor(of: Float.self), try recorded.floats("sigma"))
        let result = try model.vjp(
            x, sigma: sigma, labels: try recorded.tensor("class_labels").tensor(),
            cotangent: try recorded.tensor("v").tensor())
        let unconditional = try model.denoise(x, sigma: sigma, labels: nil)
        let pairs: [([Double], String)] = [
            (doubles(result.value), "D"), (doubles(result.x), "vjp_x"), (result.sigma, "vjp_sigma"),
            (doubles(unconditional), "D_unconditional"),
        ]
        for (values, name) in pairs {
            let error = relativeError(values, try recorded.tensor(name).doubles())
            #expect(error < 2e-5, "\(name): \(error)")
        }
    }
}
