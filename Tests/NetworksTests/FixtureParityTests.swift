import Formats
import Networks
import Tensors
import TestSupport
import Testing

/// Values and cotangents recorded from the reference networks in Float64.
@Suite struct FixtureParityTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        /// Tolerances of D, vjp_x and vjp_sigma, relative to the largest element; fixtures/README.md.
        var tolerances: [Double]
        var testDescription: String { name }
    }

    static let embedded = [
        Case(name: "ddpmpp_uncond_edm", tolerances: [2e-5, 1e-5, 5e-5]),
        Case(name: "ddpmpp_cond_edm", tolerances: [1e-5, 2e-5, 1e-5]),
    ]
    static let shared = [
        Case(name: "ddpmpp_uncond_vp", tolerances: [2e-5, 1e-4, 1e-3]),
        Case(name: "ncsnpp_uncond_edm", tolerances: [2e-5, 1e-5, 5e-4]),
        Case(name: "ncsnpp_uncond_ve", tolerances: [1e-5, 5e-5, 2e-3]),
        Case(name: "ncsnpp_skip_edm", tolerances: [2e-5, 1e-5, 2e-5]),
        Case(name: "adm_cond_edm", tolerances: [1e-5, 1e-5, 1e-5]),
        Case(name: "adm_uncond_iddpm", tolerances: [2e-5, 5e-5, 5e-5]),
    ]

    @Test(arguments: embedded) func embeddedFixture(_ fixture: Case) throws {
        try check(fixture, folder: Fixtures.path("networks"))
    }

    @Test(.enabled(if: Fixtures.shared("networks") != nil), arguments: shared)
    func sharedFixture(_ fixture: Case) throws {
        try check(fixture, folder: try #require(Fixtures.shared("networks")))
    }

    private func check(_ fixture: Case, folder: String) throws {
        let weights = try SafetensorsFile(path: "\(folder)/\(fixture.name).weights.safetensors")
        let recorded = try SafetensorsFile(path: "\(folder)/\(fixture.name).io.safetensors")
        let configuration = try NetworkConfiguration(json: try #require(weights.configuration))
        let network = try PixelNetworks.open(
            weights: weights, configuration: configuration, pool: ThreadPool(threads: 2))
        let levels = configuration.preconditioning == "iDDPMPrecond" ? try weights.floats("u") : []
        let model = try Preconditioned(network, levels: levels.map { Double($0) })
        let labels: Tensor<Float>? = try? recorded.floatTensor("class_labels")
        let result = try model.vjp(
            try recorded.floatTensor("x"), sigma: try recorded.floats("sigma"), labels: labels,
            cotangent: try recorded.floatTensor("v"))
        let x = try recorded.floatTensor("x")
        #expect(try model.denoise(x, sigma: try recorded.floats("sigma"), labels: labels) == result.value)
        let pairs: [([Double], String)] = [
            (doubles(result.value), "D.f64"), (doubles(result.x), "vjp_x.f64"), (result.sigma, "vjp_sigma.f64"),
        ]
        for ((values, name), tolerance) in zip(pairs, fixture.tolerances) {
            let error = relativeError(values, try recorded.floats(name).map { Double($0) })
            #expect(error < tolerance, "\(fixture.name) \(name): \(error)")
        }
    }

    @Test func noLabelIsAllZeros() throws {
        let folder = Fixtures.path("networks")
        let weights = try SafetensorsFile(path: "\(folder)/ddpmpp_cond_edm.weights.safetensors")
        let recorded = try SafetensorsFile(path: "\(folder)/ddpmpp_cond_edm.io.safetensors")
        let configuration = try NetworkConfiguration(json: try #require(weights.configuration))
        let network = try PixelNetworks.open(
            weights: weights, configuration: configuration, pool: ThreadPool(threads: 1))
        let value = try Preconditioned(network).denoise(
            try recorded.floatTensor("x"), sigma: try recorded.floats("sigma"), labels: nil)
        let expected = try recorded.floats("D_nolabel").map { Double($0) }
        #expect(relativeError(doubles(value), expected) < 1e-5)
    }

    @Test func embeddedModel() throws {
        let weights = try SafetensorsFile(path: EmbeddedModel.path)
        let recorded = try SafetensorsFile(path: Fixtures.path("networks/mnist32-check.safetensors"))
        let configuration = try NetworkConfiguration(json: try #require(weights.configuration))
        #expect(configuration.name == "mnist32" && configuration.sigmaMax == 80 && configuration.labelDimension == 10)
        let network = try PixelNetworks.open(
            weights: weights, configuration: configuration, pool: ThreadPool(threads: 2))
        let model = try Preconditioned(network)
        let (x, sigma) = (try recorded.floatTensor("x"), try recorded.floats("sigma"))
        let result = try model.vjp(
            x, sigma: sigma, labels: try recorded.floatTensor("class_labels"), cotangent: try recorded.floatTensor("v"))
        let unconditional = try model.denoise(x, sigma: sigma, labels: nil)
        let pairs: [([Double], String)] = [
            (doubles(result.value), "D"), (doubles(result.x), "vjp_x"), (result.sigma, "vjp_sigma"),
            (doubles(unconditional), "D_unconditional"),
        ]
        for (values, name) in pairs {
            let error = relativeError(values, try recorded.floats(name).map { Double($0) })
            #expect(error < 2e-5, "\(name): \(error)")
        }
    }
}
