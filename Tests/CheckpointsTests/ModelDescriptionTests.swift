import Checkpoints
import Formats
import TestSupport
import Testing

@Suite struct ModelDescriptionTests {
    @Test func tellsWhatAPickleHolds() throws {
        let file = try CheckpointFile.open(Fixtures.path("checkpoints/ddpmpp_cond_edm.pkl"))
        let description = try ModelDescription(file, name: "pickle", knowledge: .init(process: "edm"))
        #expect(description.architecture == "EDMPrecond, SongUNet")
        #expect(description.container == "pickle" && description.key == "ema" && description.process == "edm")
        #expect(description.tensors.count == 217)
        let text = description.text
        #expect(text.contains("architecture  EDMPrecond, SongUNet\nprocess       edm\nparameters    "))
        #expect(text.contains("  model_channels     8\n"))
        #expect(text.contains(" F32   [32, 8]\n"))
    }

    @Test func jsonHasTheSameFacts() throws {
        let file = try CheckpointFile.open(Fixtures.path("checkpoints/ddpmpp_cond_edm.weights.safetensors"))
        let description = try ModelDescription(file, name: "weights")
        let json = try JSONValue(parsing: Array(description.json.text.utf8))
        #expect(json["container"] == "safetensors" && json["process"] == .null)
        #expect(json["parameters"]?.integer == description.parameterCount)
        #expect(json["tensors"]?.elements?.count == 217)
        #expect(json["configuration"]?["init_kwargs"]?["label_dim"] == 10)
    }

    @Test func filesWithoutConfigurationSaySo() throws {
        let file = try CheckpointFile.open(Fixtures.path("checkpoints/vgg.pth"))
        let description = try ModelDescription(file, name: "vgg")
        #expect(description.architecture == nil)
        #expect(description.text.contains("architecture  not told by the file"))
        #expect(description.parameterCount == 64 + 128 + 256 + 512 + 512)
    }
}
