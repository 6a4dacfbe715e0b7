import Diagnostics
import Formats
import Networks
import Tensors
import TestSupport
import Testing

/// guided-diffusion's U-Net: output, cotangents of image and step number, against recorded Float64 values.
@Suite struct GuidedUNetTests {
    static let isThere = Fixtures.shared("unet_ldm") != nil

    @Test(
        .enabled(if: isThere, "the shared fixtures are not there"),
        arguments: [("gd_adm_cond", [2e-5, 5e-5, 5e-5]), ("gd_iddpm", [2e-5, 5e-5, 5e-5])])
    func matchesTheReference(name: String, tolerances: [Double]) throws {
        let folder = try #require(Fixtures.shared("unet_ldm"))
        let weights = try SafetensorsFile(path: "\(folder)/\(name).weights.safetensors")
        let recorded = try SafetensorsFile(path: "\(folder)/\(name).io.safetensors")
        let configuration = try NetworkConfiguration(json: try #require(weights.configuration))
        #expect(configuration.architecture == .guidedUNet && configuration.outputChannels == 6)
        let network = try PixelNetworks.open(
            weights: weights, configuration: configuration, pool: ThreadPool(threads: 2))
        let (x, steps) = (try recorded.floatTensor("x"), try recorded.floats("t"))
        let labels = try labels(recorded, classes: configuration.labelDimension)
        let result = try network.linearize(x, noise: steps, labels: labels)
        #expect(try network.evaluate(x, noise: steps, labels: labels) == result.value)
        let pulled = try result.pullback(try recorded.floatTensor("v"))
        let pairs: [([Double], String)] = [
            (doubles(result.value), "out.f64"), (doubles(pulled.x), "vjp_x.f64"),
            (pulled.noise.map { Double($0) }, "vjp_t.f64"),
        ]
        for ((values, tensor), tolerance) in zip(pairs, tolerances) {
            let error = relativeError(values, try recorded.floats(tensor).map { Double($0) })
            #expect(error < tolerance, "\(name) \(tensor): \(error)")
        }
    }

    private func labels(_ recorded: SafetensorsFile, classes: Int) throws -> Tensor<Float>? {
        guard classes > 0 else { return nil }
        let numbers = try recorded.tensor("y").int64s()
        var rows = Tensor<Float>(shape: [numbers.count, classes])
        for (row, number) in numbers.enumerated() { rows[row * classes + Int(number)] = 1 }
        return rows
    }

    @Test func argumentsOfTheClassAreRead() throws {
        let json = """
            {"precond": "iDDPMPrecond", "init_kwargs": {"model_type": "UNetModel", "image_size": 64, "in_channels": 3,
            "out_channels": 6, "model_channels": 192, "num_res_blocks": 3, "attention_resolutions": [2, 4, 8],
            "channel_mult": [1, 2, 3, 4], "num_classes": 1000, "num_head_channels": 64, "resblock_updown": true,
            "use_scale_shift_norm": true, "use_new_attention_order": true}}
            """
        let configuration = try NetworkConfiguration(json: json)
        #expect(configuration.architecture == .guidedUNet && configuration.preconditioning == "iDDPMPrecond")
        #expect(configuration.attentionResolutions == [32, 16, 8] && configuration.labelDimension == 1000)
        #expect(configuration.guided.heads(384) == 6 && configuration.guided.splitsBeforeHeads)
        #expect(throws: Failure.self) {
            try NetworkConfiguration(json: "{\"init_kwargs\": {\"num_res_blocks\": 2, \"image_size\": 8}}")
        }
    }
}
