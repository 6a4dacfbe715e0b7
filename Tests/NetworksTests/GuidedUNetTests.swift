import Diagnostics
import Formats
import Networks
import Tensors
import TestSupport
import Testing

/// guided-diffusion's U-Net against recorded values in double precision: the output, and the cotangents of image and step.
@Suite struct GuidedUNetTests {
    /// The conditional network is too large for the repository. It is tested if the whole collection is there.
    static let names =
        ["gd_iddpm"] + (Fixtures.shared("unet_ldm/gd_adm_cond.weights.safetensors") == nil ? [] : ["gd_adm_cond"])

    @Test(arguments: names) func matchesTheReference(name: String) throws {
        let (weights, recorded) = try networkFixture(name, folder: "unet_ldm")
        let configuration = try NetworkConfiguration(json: try #require(weights.configuration))
        #expect(configuration.architecture == .guidedUNet && configuration.outputChannels == 6)
        let network = try PixelNetworks.open(
            weights: weights, configuration: configuration, pool: ThreadPool(threads: 2))
        let (x, steps) = (try recorded.tensor("x").tensor(of: Float.self), try recorded.floats("t"))
        let labels = try labels(recorded, classes: configuration.labelDimension)
        let result = try network.linearize(x, noise: steps, labels: labels)
        #expect(try network.evaluate(x, noise: steps, labels: labels) == result.value)
        let pulled = try result.pullback(try recorded.tensor("v").tensor())
        let comparisons: [([Double], String, tolerance: Double)] = [
            (doubles(result.value), "out.f64", 2e-5), (doubles(pulled.x), "vjp_x.f64", 5e-5),
            (pulled.noise.map { Double($0) }, "vjp_t.f64", 5e-5),
        ]
        for (values, tensor, tolerance) in comparisons {
            let error = relativeError(values, try recorded.tensor(tensor).doubles())
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
        for (size, words) in [("36", "size 36 cannot be halved 3 times"), ("8192", "size 8192 is larger")] {
            let other = json.replacing(": 64, \"in", with: ": \(size), \"in")
            let failure = try #require(throws: Failure.self) { try NetworkConfiguration(json: other) }
            #expect(failure.status == .data && failure.message.contains(words), "\(failure)")
        }
    }
}
