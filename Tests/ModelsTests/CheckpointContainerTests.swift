import Checkpoints
import Formats
import Foundation
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

    /// Weights in half precision are widened exactly: the recorded outputs are PyTorch's with the same rounded weights.
    @Test(arguments: [(DataType.float16, "f16"), (.bfloat16, "bf16")])
    func halfPrecisionWeightsAreWidenedExactly(type: DataType, name: String) throws {
        let networks = Fixtures.path("networks")
        let folder = try TemporaryFolder()
        let path = try folder.write(
            try rounded("\(networks)/ddpmpp_uncond_edm.weights.safetensors", to: type), to: "half.safetensors")
        let model = try ModelCatalogue.open(path)
        let recorded = try SafetensorsFile(path: "\(networks)/ddpmpp_uncond_edm.io.safetensors")
        let x: Tensor<Float> = try recorded.tensor("x").tensor()
        let value = try model.denoiser.denoise(x, at: recorded.tensor("sigma").doubles(), given: .none)
        #expect(try relativeError(value.elements, recorded.floats("D_\(name)_weights")) <= 2e-5)
    }

    /// Returns the file with all weights rounded to a type of 16 bits, to nearest, ties to even.
    private func rounded(_ path: String, to type: DataType) throws -> [UInt8] {
        let (metadata, tensors) = try Safetensors.parse([UInt8](Data(contentsOf: URL(fileURLWithPath: path))))
        let halves = try tensors.map { tensor in
            let bytes = try tensor.floats().flatMap { value -> [UInt8] in
                let wide = value.bitPattern
                let narrow =
                    type == .float16
                    ? Float16(value).bitPattern : UInt16(truncatingIfNeeded: (wide + 0x7fff + (wide >> 16 & 1)) >> 16)
                return [UInt8(truncatingIfNeeded: narrow), UInt8(narrow >> 8)]
            }
            return NamedTensor(name: tensor.name, type: type, shape: tensor.shape, bytes: bytes)
        }
        return Safetensors.serialize(metadata: metadata, tensors: halves)
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
