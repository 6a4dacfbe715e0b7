import Checkpoints
import Formats
import Models
import Tensors
import TestSupport
import Testing

/// One network in every container, from the file to the denoised image.
struct CheckpointContainerTests {
    /// NVIDIA's pickle tells its architecture; torch.save files are given it.
    @Test(arguments: ["pkl", "pt", "legacy.pt"])
    func everyContainerGivesTheSameNetwork(container: String) throws {
        let folder = Fixtures.path("checkpoints")
        let reference = try ModelCatalogue.open("\(folder)/ddpmpp_cond_edm.weights.safetensors")
        let files = try TemporaryFolder()
        let configuration = try CheckpointFile.open("\(folder)/ddpmpp_cond_edm.weights.safetensors").configuration
        let architecture = try files.write(try #require(configuration).utf8, to: "architecture.json")
        let model = try ModelCatalogue.open(
            "\(folder)/ddpmpp_cond_edm.\(container)", architecture: container == "pkl" ? nil : architecture)
        #expect(model.process == reference.process && model.labelCount == 10 && model.sampleShape == [3, 8, 8])
        let recorded = try SafetensorsFile(path: Fixtures.path("networks/ddpmpp_cond_edm.io.safetensors"))
        let x: Tensor<Float> = try recorded.tensor("x").tensor()
        let times = try recorded.tensor("sigma").doubles()
        let value = try model.denoiser.denoise(x, at: times, given: .none)
        #expect(try value == reference.denoiser.denoise(x, at: times, given: .none))
        #expect(try relativeError(value.elements, recorded.floats("D_nolabel")) <= 2e-5)
    }

    /// Weights in half precision are widened exactly: the recorded outputs are those of the widened weights.
    @Test(
        .enabled(if: Fixtures.shared("networks/ckpt") != nil, "the shared fixtures are not there"),
        arguments: ["f16", "bf16"])
    func halfPrecisionWeightsAreWidenedExactly(type: String) throws {
        let folder = try #require(Fixtures.shared("networks"))
        let model = try ModelCatalogue.open("\(folder)/ckpt/ddpmpp_uncond_edm.\(type).safetensors")
        let recorded = try SafetensorsFile(path: "\(folder)/ddpmpp_uncond_edm.io.safetensors")
        let x: Tensor<Float> = try recorded.tensor("x").tensor()
        let value = try model.denoiser.denoise(x, at: recorded.tensor("sigma").doubles(), given: .none)
        #expect(try relativeError(value.elements, recorded.floats("D_\(type)_weights")) <= 2e-5)
    }

    @Test func embeddedModelIsDescribed() throws {
        let description = try ModelCatalogue.describe("mnist32")
        #expect(description.architecture == "EDMPrecond, SongUNet")
        #expect(description.process == "edm")
        #expect(description.text.hasPrefix("mnist32: safetensors\n"))
    }

    @Test func networksThatCannotBeRunAreDescribedAllTheSame() throws {
        let description = try ModelCatalogue.describe(Fixtures.path("checkpoints/vgg.pth"))
        #expect(description.process == nil && description.tensors.count == 5)
    }
}
