import Diagnostics
import Diffusion
import Formats
import Models
import Tensors
import TestSupport
import Testing

/// The embedded model and EDM's preconditioners against PyTorch.
struct NetworkDenoiserTests {
    /// D, D without labels and both gradients of the embedded model.
    @Test func embeddedModelMatchesItsCheck() throws {
        let check = try SafetensorsFile(path: Fixtures.path("models/mnist32-check.safetensors"))
        let model = try ModelCatalogue.open("mnist32")
        #expect(model.sampleShape == [1, 32, 32])
        #expect(model.labelCount == 10)
        #expect(model.process == .edm)
        #expect(model.sha256?.count == 64)
        let x: Tensor<Float> = try check.tensor("x").tensor()
        let cotangent: Tensor<Float> = try check.tensor("v").tensor()
        let times = try check.tensor("sigma").doubles()
        let labels = classes(try check.tensor("class_labels"))
        let linearization = try model.denoiser.linearize(x, at: times, given: Condition(classes: labels))
        #expect(try relativeError(linearization.value.elements, check.floats("D")) <= 2e-5)
        let pulled = try linearization.pullback(cotangent)
        #expect(try relativeError(pulled.x.elements, check.floats("vjp_x")) <= 5e-5)
        #expect(try relativeError(pulled.times.map(Float.init), check.floats("vjp_sigma")) <= 5e-5)
        for none in [nil, [Int](repeating: -1, count: 4)] {
            let value = try model.denoiser.denoise(x, at: times, given: Condition(classes: none))
            #expect(try relativeError(value.elements, check.floats("D_unconditional")) <= 2e-5)
        }
    }

    /// guided-diffusion's configurations may tell a height and a width, which no network of pixels has here.
    @Test func networksOfPixelsMustBeSquare() throws {
        let folder = try TemporaryFolder()
        let json = """
            {"init_kwargs": {"model_type": "UNetModel", "image_size": [32, 16], "in_channels": 3, "out_channels": 3,
            "model_channels": 32, "num_res_blocks": 1, "channel_mult": [1, 2]}}
            """
        let architecture = try folder.write(json.utf8, to: "wide.json")
        let path = Fixtures.path("networks/ddpmpp_uncond_edm.weights.safetensors")
        let failure = try #require(throws: Failure.self) { try ModelCatalogue.open(path, architecture: architecture) }
        #expect(failure.status == .data && failure.place == path)
        #expect(failure.message.contains("[32, 16]") && failure.message.contains("must be square"), "\(failure)")
    }

    /// Not adm_uncond_iddpm: EDM rounds c_noise of such networks to whole numbers, ours is its continuous inverse.
    @Test(
        arguments: [
            ("ddpmpp_uncond_edm", 5e-5), ("ddpmpp_uncond_vp", 1e-3), ("ddpmpp_cond_edm", 5e-5),
            ("ncsnpp_uncond_edm", 5e-4), ("ncsnpp_uncond_ve", 2e-3),
            ("adm_cond_edm", 2e-5),
        ])
    func checkpointsMatchPyTorch(name: String, tolerance: Double) throws {
        let folder = Fixtures.path("networks")
        let model = try ModelCatalogue.open("\(folder)/\(name).weights.safetensors")
        let recorded = try SafetensorsFile(path: "\(folder)/\(name).io.safetensors")
        let x: Tensor<Float> = try recorded.tensor("x").tensor()
        let times = try recorded.tensor("sigma").doubles()
        // The recorded label rows of the conditional network are not all classes: it is compared without labels.
        let value = model.labelCount > 0 ? "D_nolabel" : "D"
        let linearization = try model.denoiser.linearize(x, at: times, given: .none)
        #expect(try relativeError(linearization.value.elements, recorded.floats(value)) <= tolerance)
        guard model.labelCount == 0 else { return }
        let pulled = try linearization.pullback(try recorded.tensor("v").tensor())
        #expect(try relativeError(pulled.x.elements, recorded.floats("vjp_x")) <= tolerance)
        #expect(try relativeError(pulled.times.map(Float.init), recorded.floats("vjp_sigma")) <= tolerance)
    }

    /// The gradient in time, by central differences in the process' own time, under EDM and transported to VP.
    @Test(arguments: [NoiseProcess.edm, .vpLinear])
    func timeGradientMatchesDifferences(process: NoiseProcess) throws {
        let model = try ModelCatalogue.open("mnist32", process: process)
        let time = process == .edm ? 1.5 : 0.4
        let x = Tensor<Float>(shape: [1, 1, 32, 32], elements: (0..<1024).map { Float(($0 * 37 % 101)) / 50 - 1 })
        let cotangent = x.map { $0 * $0 - 0.5 }
        func value(at t: Double) throws -> Double {
            let output = try model.denoiser.denoise(x, at: [t], given: .none)
            return zip(output.elements, cotangent.elements).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        }
        let step = 1e-3 * time
        let difference = (try value(at: time + step) - value(at: time - step)) / (2 * step)
        let exact = try model.denoiser.linearize(x, at: [time], given: .none).pullback(cotangent).times[0]
        #expect(abs(exact - difference) < 0.01 * abs(difference) + 0.02, "\(exact) against \(difference)")
    }

    @Test func guidanceExtrapolates() throws {
        let (plain, guided) = (try ModelCatalogue.open("mnist32"), try ModelCatalogue.open("mnist32", guidance: 3))
        let x = Tensor<Float>(shape: [2, 1, 32, 32], repeating: 0.3)
        let (conditional, unconditional, result) = (
            try plain.denoiser.denoise(x, at: [2, 1], given: Condition(classes: [4, -1])),
            try plain.denoiser.denoise(x, at: [2, 1], given: .none),
            try guided.denoiser.denoise(x, at: [2, 1], given: Condition(classes: [4, -1]))
        )
        let expected = zip(conditional.elements, unconditional.elements).map { $1 + 3 * ($0 - $1) }
        #expect(relativeError(result.elements, expected) <= 1e-5)
        #expect(guided.metadata["ld3.guidance"] == "3.0")
    }

    private func classes(_ oneHot: NamedTensor) -> [Int] {
        let (rows, width) = (oneHot.shape[0], oneHot.shape[1])
        let values = (try? oneHot.floats()) ?? []
        return (0..<rows).map { row in (0..<width).first { values[row * width + $0] == 1 } ?? -1 }
    }
}
