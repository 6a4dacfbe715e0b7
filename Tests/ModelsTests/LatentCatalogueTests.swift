import Checkpoints
import Diagnostics
import Formats
import Foundation
import LatentModels
import ModelTestSupport
import Models
import TensorStream
import TestSupport
import Testing

/// Latent diffusion models in the catalogue: descriptions, digests, sets of weights, shapes.
@Suite struct LatentCatalogueTests {
    private func open(_ path: String, _ weightSet: WeightSet? = nil) throws -> LatentModelFiles {
        try #require(try LatentModelFiles.open(path, weightSet: weightSet))
    }

    /// Folders and configurations may tell a height and a width.
    @Test func latentsThatAreNotSquare() throws {
        let folder = try TinyLatentFolder()
        func write(_ size: String) throws {
            try folder.write(
                TinyLatentFolder.networkSettings.replacingOccurrences(of: ": 16}", with: ": \(size)}"),
                "unet/config.json")
        }
        try write("[16, 8]")
        let model = try ModelCatalogue.open(folder.path)
        #expect(model.sampleShape == [4, 16, 8] && model.decoder.imageShape == [3, 128, 64])
        func refusal(_ path: String) throws -> Failure { try #require(throws: Failure.self) { try open(path) } }
        let words = "a height and a width"
        for (size, words) in [("[16, 12]", "size 12 cannot be halved"), ("[16]", words), ("[16, 8, 8]", words)] {
            try write(size)
            let failure = try refusal(folder.path)
            #expect(failure.status == .data && failure.message.contains(words), "\(failure)")
        }
        var single = try TinyLatentModel()
        single.configuration.replace("\"image_size\":16", with: "\"image_size\":[8,16]")
        #expect(try open(single.write(to: folder.files)).configuration.latentShape == [4, 8, 16])
        single.configuration.replace("\"image_size\":[8,16]", with: "\"image_size\":[8]")
        let failure = try refusal(single.write(to: folder.files))
        #expect(failure.status == .data && failure.message.contains(words), "\(failure)")
    }

    /// Writes latent diffusion's small model with zeros as averages beside the U-Net's weights, under names without dots.
    private func averagedLSUN() throws -> TemporaryFolder {
        let (metadata, tensors) = try Safetensors.parse(
            [UInt8](Data(contentsOf: URL(fileURLWithPath: Fixtures.path("latent/lsun.safetensors")))))
        let averages = tensors.filter { $0.name.hasPrefix("model.") }.map { tensor in
            let name = "model_ema." + tensor.name.dropFirst("model.".count).filter { $0 != "." }
            return NamedTensor(name: name, type: tensor.type, shape: tensor.shape, bytes: tensor.bytes.map { _ in 0 })
        }
        let folder = try TemporaryFolder()
        try folder.write(
            Safetensors.serialize(metadata: metadata, tensors: tensors + averages), to: "both.safetensors")
        return folder
    }

    @Test func averagesAndRawWeights() throws {
        let folder = try averagedLSUN()
        let path = folder.file("both.safetensors")
        let name = "model.diffusion_model.out.2.weight"
        let (averaged, raw) = (try open(path), try open(path, .raw))
        #expect(averaged.weightSet == .averaged && raw.weightSet == .raw)
        #expect(try averaged.weights.floats(name).allSatisfy { $0 == 0 })
        let plain = try open(Fixtures.path("latent/lsun.safetensors"))
        #expect(plain.weightSet == nil)
        #expect(try raw.weights.floats(name) == plain.weights.floats(name))
        let decoder = "first_stage_model.decoder.conv_in.weight"
        #expect(try averaged.weights.floats(decoder) == plain.weights.floats(decoder))
    }

    @Test func aDescriptionShowsAllParts() throws {
        let folder = try TinyLatentFolder()
        let whole = try ModelCatalogue.describe(folder.path)
        #expect(whole.container == "diffusers folder" && whole.process == "vp-discrete:sd")
        #expect(whole.parts.map(\.name) == ["U-Net", "decoder", "text"])
        #expect(whole.tensors.contains { $0.name == "unet/conv_in.weight" && $0.shape == [4, 4, 3, 3] })
        let lsun = try ModelCatalogue.describe(Fixtures.path("latent/lsun.safetensors"))
        #expect(lsun.parts.map(\.name) == ["U-Net", "decoder"] && lsun.text.contains("64 codes"))
        // A file that is not computed is described with the reason.
        let tensors = folder.tensors.filter { !$0.name.hasPrefix("cond_stage_model.") }
        let path = try folder.files.write(Safetensors.serialize(metadata: [:], tensors: tensors), to: "part")
        let part = try ModelCatalogue.describe(path)
        #expect(part.parts.isEmpty && part.remarks.contains { $0.contains("not known") })
    }

    /// Point clouds are known behind the texts that wrappers put before all names.
    @Test func wrappedPointCloudsAreDescribed() throws {
        let file = try #require(try CheckpointFile.open(Fixtures.path("pointcloud/generator.pt")) as? CheckpointFile)
        let tensors = try file.tensorNames.map { name in
            var tensor = try file.tensor(name)
            tensor.name = "module." + name
            return tensor
        }
        let folder = try TemporaryFolder()
        let metadata = ["config": try #require(file.configuration)]
        let path = try folder.write(Safetensors.serialize(metadata: metadata, tensors: tensors), to: "wrapped")
        let plain = try ModelCatalogue.describe(Fixtures.path("pointcloud/generator.pt"))
        let wrapped = try ModelCatalogue.describe(path)
        #expect(wrapped.architecture == "DiffusionPointCloud" && wrapped.process == plain.process)
    }

    /// A stream may choose the folder that made it, and no other one.
    @Test func aFolderIsKnownByItsDigest() throws {
        let folder = try TinyLatentFolder()
        let model = try ModelRequest(name: folder.path).open { _ in }
        #expect(model.sampleShape == [4, 16, 16] && model.process == .vpDiscrete(.stableDiffusion))
        let origin = Origin(place: "in", metadata: model.metadata)
        #expect(try ModelRequest().open(for: [origin]) { _ in }.sha256 == model.sha256)
        try folder.write(#"{"pad_token": "a"}"#, "tokenizer/special_tokens_map.json")
        let failure = try #require(throws: Failure.self) { try ModelRequest().open(for: [origin]) { _ in } }
        #expect(failure.status == .data && failure.message.contains("digest"))
    }

    /// A stream tells the variant of the folder that made it; later stages take it, and no other one.
    @Test func theVariantOfAFolderIsTakenUp() throws {
        let folder = try TinyLatentFolder()
        let half = try ModelRequest(name: folder.path).open { _ in }
        let unet = try SafetensorsFile(path: folder.files.file("unet/diffusion_pytorch_model.fp16.safetensors"))
        try folder.write(
            unet.tensorNames.map { name in
                var tensor = try unet.tensor(name)
                tensor.bytes = tensor.bytes.map { _ in 0 }
                return tensor
            }, "unet/diffusion_pytorch_model.safetensors")
        let variant = try #require(WeightSet(rawValue: "fp16"))
        var warnings: [String] = []
        let model = try ModelRequest(name: folder.path, weightSet: variant).open { warnings.append($0) }
        #expect(model.metadata["ld3.weights"] == "fp16" && model.sha256 == half.sha256)
        #expect(warnings.count == 1 && warnings[0].contains("vae and text_encoder"), "\(warnings)")
        var metadata = model.metadata
        metadata["ld3.kind"] = "pairs"
        #expect(try ModelRequest().open(for: [Origin(place: "in", metadata: metadata)]) { _ in }.weightSet == variant)
        // The digests of plain weights and of the variant differ.
        let plain = try ModelRequest(name: folder.path).open { _ in }
        #expect(plain.metadata["ld3.weights"] == nil && plain.sha256 != model.sha256)
        metadata.merge(plain.metadata) { $1 }
        metadata["ld3.weights"] = nil
        let request = ModelRequest(name: folder.path, weightSet: variant)
        let failure = try #require(throws: Failure.self) {
            try request.open(for: [Origin(place: "in", metadata: metadata)]) { _ in }
        }
        #expect(failure.status == .data && failure.message.contains("digest"), "\(failure)")
        metadata["ld3.weights"] = "bf16"
        let lacking = try #require(throws: Failure.self) {
            try ModelRequest().open(for: [Origin(place: "in", metadata: metadata)]) { _ in }
        }
        #expect(lacking.status == .data && lacking.place == "in: ld3.weights", "\(lacking)")
        let single = try #require(throws: Failure.self) {
            try ModelCatalogue.open(TinyLatentModel().write(to: folder.files), weightSet: variant)
        }
        #expect(single.status == .usage && single.place == "weights", "\(single)")
    }

    @Test func guidanceOfZeroIsTold() throws {
        for (guidance, count) in [(0.0, 1), (0.5, 0), (1, 0)] {
            var warnings: [String] = []
            _ = try ModelRequest(name: "digits64", guidance: guidance).open { warnings.append($0) }
            #expect(warnings.count == count, "\(warnings)")
        }
    }

    @Test func theSetOfWeightsIsTakenUp() throws {
        let folder = try averagedLSUN()
        let path = folder.file("both.safetensors")
        let raw = try ModelRequest(name: path, weightSet: .raw).open { _ in }
        #expect(raw.metadata["ld3.weights"] == "raw")
        var metadata = raw.metadata
        metadata["ld3.kind"] = "pairs"
        let origin = Origin(place: "in", metadata: metadata)
        #expect(try ModelRequest().open(for: [origin]) { _ in }.weightSet == .raw)
        #expect(throws: Failure.self) { try ModelRequest(weightSet: .averaged).open(for: [origin]) { _ in } }
        let one = Fixtures.path("latent/lsun.safetensors")
        let failure = try #require(throws: Failure.self) { try ModelCatalogue.open(one, weightSet: .raw) }
        #expect(failure.status == .usage && failure.place == "weights")
    }
}
