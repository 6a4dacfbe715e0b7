import Checkpoints
import Diagnostics
import Formats
import TestSupport
import Testing

/// One network's weights in every container: PyTorch zip, legacy stream, NVIDIA pickle.
@Suite struct CheckpointFileTests {
    private static let containers = ["pt", "legacy.pt", "pkl"]

    private func expectEqual(_ source: any WeightSource, _ reference: any WeightSource) throws {
        #expect(Set(source.tensorNames) == Set(reference.tensorNames))
        for name in reference.tensorNames {
            #expect(source.shape(of: name) == reference.shape(of: name))
            #expect(try source.floats(name) == reference.floats(name), "\(name)")
        }
    }

    @Test(arguments: containers)
    func valuesEqualTheReference(container: String) throws {
        let source = try CheckpointFile.open(Fixtures.path("checkpoints/ddpmpp_cond_edm.\(container)"))
        try expectEqual(source, CheckpointFile.open(Fixtures.path("checkpoints/ddpmpp_cond_edm.weights.safetensors")))
    }

    @Test func pickleTellsTheArchitecture() throws {
        let source = try CheckpointFile.open(Fixtures.path("checkpoints/ddpmpp_cond_edm.pkl"))
        let found = try JSONValue(parsing: Array(#require(source.configuration).utf8))
        let due = try CheckpointFile.open(Fixtures.path("checkpoints/ddpmpp_cond_edm.weights.safetensors"))
        let reference = try JSONValue(parsing: Array(#require(due.configuration).utf8))
        #expect(found["precond"] == reference["precond"])
        #expect(found["sigma_max"] == "inf" && found["sigma_min"] == 0 && found["sigma_data"] == 0.5)
        let arguments = try #require(found["init_kwargs"])
        for member in try #require(reference["init_kwargs"]?.members) {
            #expect(arguments[member.name] == member.value, "\(member.name)")
        }
    }

    /// Python 2 wrote this file, and its dictionary keeps its items as lists of pairs.
    @Test func legacyStreamOfPython2() throws {
        let source = try CheckpointFile.open(Fixtures.path("checkpoints/vgg.pth"))
        try expectEqual(source, SafetensorsFile(path: Fixtures.path("checkpoints/vgg.safetensors")))
    }

    /// A checkpoint of latent diffusion, cut to a few of its tensors.
    @Test func latentDiffusionCheckpointGivesItsStateDictionary() throws {
        let path = Fixtures.path("checkpoints/ldm_church.ckpt")
        let source = try #require(CheckpointFile.open(path) as? CheckpointFile)
        let weights = try SafetensorsFile(path: Fixtures.path("checkpoints/ldm_church.weights.safetensors"))
        #expect(!weights.tensorNames.isEmpty)
        #expect(source.key == "state_dict")
        #expect(source.type(of: "betas") == .float32)
        for name in weights.tensorNames {
            #expect(try source.floats("model.diffusion_model." + name) == weights.floats(name), "\(name)")
        }
    }

    @Test func missingFileIsNoInput() {
        let failure = #expect(throws: Failure.self) { try CheckpointFile.open("/nonexistent/model.pkl") }
        #expect(failure?.status == .noInput)
    }

    @Test func missingTensorIsNamed() throws {
        let source = try CheckpointFile.open(Fixtures.path("checkpoints/vgg.pth"))
        let failure = #expect(throws: Failure.self) { try source.floats("lin9") }
        #expect(failure?.message == "no tensor named `lin9`")
    }
}
