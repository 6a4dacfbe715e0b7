import Diagnostics
import Diffusion
import Formats
import Foundation
import LatentModels
import ModelTestSupport
import Models
import Networks
import TensorStream
import Tensors
import TestSupport
import Testing

/// Networks of a latent diffusion model in files of their own, which users give by options.
@Suite struct LatentPartsTests {
    private let folder: TinyLatentFolder
    private let network: NetworkConfiguration

    init() throws {
        folder = try TinyLatentFolder()
        network = try NetworkConfiguration(diffusers: try JSONValue(parsing: TinyLatentFolder.networkSettings))
    }

    private static let latents = Tensor<Float>(
        shape: [1, 4, 16, 16], elements: (0..<1024).map { Float($0 % 13) / 8 - 0.7 })

    /// Writes the tensors behind a prefix as a file, and returns its path.
    private func write(
        _ prefix: String, _ name: String, configured: Bool = false, _ rename: (String) -> String? = { $0 }
    ) throws -> String {
        try folder.files.write(
            Safetensors.serialize(
                metadata: configured ? ["config": folder.configuration] : [:], tensors: folder.renamed(prefix, rename)),
            to: name)
    }

    private func unet() throws -> String {
        let prefix = LatentModelFiles.networkPrefix
        return try write(prefix, "u.safetensors", configured: true) { prefix + $0 }
    }

    private func decoder(_ rename: (String) -> String? = { $0 }) throws -> String {
        try write(LatentModelFiles.decoderPrefix, "v.safetensors", rename)
    }

    private func textEncoder() throws -> String {
        try write("cond_stage_model.transformer.text_model.", "t.safetensors")
    }

    private func pictures(_ model: Model) throws -> [Float] { try model.decoder.decode(Self.latents).elements }

    // MARK: - Where parts are found

    /// Three folders of diffusers make the model of the folder that holds them.
    @Test func foldersOfDiffusers() throws {
        let whole = try #require(try LatentModelFiles.open(folder.path))
        let joined = try #require(
            try LatentModelFiles.open(
                "\(folder.path)/unet",
                parts: [.decoder: "\(folder.path)/vae", .textEncoder: "\(folder.path)/text_encoder"]))
        let (own, other) = (joined.configuration, whole.configuration)
        #expect(own.network == other.network && own.decoder == other.decoder && own.condition == other.condition)
        #expect(own.process == other.process && own.scaleFactor == other.scaleFactor)
        for name in whole.weights.tensorNames {
            let isEqual = try joined.weights.floats(name) == whole.weights.floats(name)
            #expect(isEqual, "\(name)")
        }
    }

    @Test(arguments: ["bare", "first_stage_model.", "vae.", "diffusers", "whole file", "whole folder"])
    func decodersInAllNamings(naming: String) throws {
        let modules = ModuleNames.autoencoder(levels: 4, blocks: 2)
        let path =
            switch naming {
            case "bare": try decoder()
            case "diffusers": try decoder(modules.diffusers)
            case "whole file": Fixtures.path("latent/sd.safetensors")
            case "whole folder": folder.path
            default: try decoder { naming + $0 }
            }
        let model = try ModelCatalogue.open(unet(), parts: [.decoder: path, .textEncoder: textEncoder()])
        let isEqual = try pictures(model) == pictures(ModelCatalogue.open(Fixtures.path("latent/sd.safetensors")))
        #expect(isEqual)
    }

    /// Text encoders and U-Nets in both namings: the tensors come under the names of CompVis' single file.
    @Test func othersInAllNamings() throws {
        let whole = Fixtures.path("latent/sd.safetensors")
        let files = try #require(try LatentModelFiles.open(whole))
        for prefix in ["", "text_model.", "cond_stage_model.transformer.text_model."] {
            let path = try write("cond_stage_model.transformer.text_model.", "t.safetensors") { prefix + $0 }
            let other = try #require(try LatentModelFiles.open(whole, parts: [.textEncoder: path]))
            #expect(other.configuration.text == files.configuration.text)
        }
        let modules = ModuleNames.unet(network)
        let renames: [(String) -> String?] = [{ $0 }, modules.diffusers]
        for rename in renames {
            let path = try write(LatentModelFiles.networkPrefix, "u.safetensors", configured: true, rename)
            let parts: [ModelPart: String] = [.decoder: try decoder(), .textEncoder: try textEncoder()]
            let other = try #require(try LatentModelFiles.open(path, parts: parts))
            for name in files.weights.tensorNames where name.hasPrefix(LatentModelFiles.networkPrefix) {
                let isEqual = try other.weights.floats(name) == files.weights.floats(name)
                #expect(isEqual, "\(name)")
            }
        }
    }

    /// A part that the user gives goes before the model's own, in a file and in a folder; the scale factor stays.
    @Test func theGivenPartGoesFirst() throws {
        let other = try folder.files.write(
            Safetensors.serialize(
                metadata: [:],
                tensors: folder.renamed("first_stage_model.") { $0 }.map { tensor in
                    guard tensor.name == "decoder.conv_out.bias" else { return tensor }
                    return NamedTensor(name: tensor.name, shape: tensor.shape, floats: [9, 9, 9])
                }), to: "other.safetensors")
        let bias = try #require(folder.tensors.first { $0.name == "first_stage_model.decoder.conv_out.bias" }).floats()
        for path in [Fixtures.path("latent/sd.safetensors"), folder.path] {
            let (plain, swapped) = (
                try ModelCatalogue.open(path), try ModelCatalogue.open(path, parts: [.decoder: other])
            )
            let changes = try zip(pictures(swapped), pictures(plain)).prefix(128 * 128).map { $0 - $1 }
            #expect(changes.allSatisfy { abs($0 - (9 - bias[0])) < 1e-5 })
            #expect(swapped.sha256 == plain.sha256 && swapped.metadata["ld3.decoder"] == other)
        }
    }

    // MARK: - Faults

    @Test func aModelWithoutADecoder() throws {
        let model = try ModelCatalogue.open(unet(), parts: [.textEncoder: textEncoder()])
        #expect(model.isLatent && !model.makesPictures && model.sampleShape == [4, 16, 16])
        #expect(model.resized(to: [4, 8, 24]).sampleShape == [4, 8, 24])
        let failure = try #require(throws: Failure.self) { try model.pictureShape() }
        #expect(failure.status == .usage && failure.message.contains("has no decoder"))
        #expect(throws: Failure.self) { try model.noteOnLatents() }
    }

    @Test func missingPartsAreNamed() throws {
        let path = try unet()
        let text = try #require(throws: Failure.self) { try ModelCatalogue.open(path) }
        #expect(text.status == .data && text.place?.hasPrefix(path) == true, "\(text)")
        #expect(text.message.contains("text encoder") && text.suggestion?.contains("<text encoder file>") == true)
        for (part, words) in [(try decoder(), "holds the decoder"), (try textEncoder(), "holds the text encoder")] {
            let failure = try #require(throws: Failure.self) { try ModelCatalogue.open(part) }
            #expect(failure.status == .data && failure.place == part && failure.message.hasPrefix(words), "\(failure)")
        }
        let modules = ModuleNames.unet(network)
        let shard = try write(LatentModelFiles.networkPrefix, "shard.safetensors") { name in
            name.hasPrefix("input_blocks") ? modules.diffusers(name) : nil
        }
        let failure = try #require(throws: Failure.self) { try ModelCatalogue.open(shard) }
        #expect(failure.status == .data && failure.message.contains("is a shard of a U-Net"), "\(failure)")
    }

    @Test func partsThatAreOthers() throws {
        let path = try unet()
        func failure(_ parts: [ModelPart: String]) throws -> Failure {
            try #require(throws: Failure.self) { try ModelCatalogue.open(path, parts: parts) }
        }
        let swapped = try failure([.decoder: textEncoder()])
        #expect(swapped.status == .data && swapped.message == "holds no decoder of latents", "\(swapped)")
        let lsun = try failure([.decoder: Fixtures.path("latent/lsun.safetensors"), .textEncoder: textEncoder()])
        #expect(
            lsun.message == "the decoder reads latents of 3 channels, and the U-Net works on latents of 4", "\(lsun)")
        #expect(lsun.status == .data && lsun.place == Fixtures.path("latent/lsun.safetensors"))
        let digits = "\(Fixtures.root)/Sources/Shared/Models/Resources/digits64-sd.safetensors"
        let width = try failure([.decoder: decoder(), .textEncoder: digits])
        #expect(width.message.hasSuffix("and the U-Net reads contexts of 16"), "\(width)")
        let nothing = try failure([.decoder: "nowhere.safetensors"])
        #expect(nothing.status == .noInput && nothing.place?.contains("nowhere.safetensors") == true, "\(nothing)")
        let other = try #require(throws: Failure.self) {
            try ModelCatalogue.open("mnist32", parts: [.decoder: decoder()])
        }
        #expect(other.status == .usage && other.place == "decoder file", "\(other)")
        try FileManager.default.createDirectory(atPath: folder.files.file("empty"), withIntermediateDirectories: true)
        for request in [
            ModelRequest(name: folder.files.file("empty")), ModelRequest(parts: [.decoder: folder.files.file("empty")]),
        ] {
            let failure = try #require(throws: Failure.self) { try request.check() }
            #expect(
                failure.status == .noInput && failure.message.contains("neither model_index.json nor"), "\(failure)")
        }
    }

    /// A missing tensor is called as its own file calls it, and that file is named.
    @Test func aMissingTensorOfAPart() throws {
        let path = try decoder { $0 == "decoder.conv_out.bias" ? nil : $0 }
        let opened = try ModelCatalogue.open(Fixtures.path("latent/sd.safetensors"), parts: [.decoder: path])
        let failure = try #require(throws: Failure.self) { try opened.decoder.decode(Self.latents) }
        #expect(failure.place == "\(path): decoder.conv_out.bias", "\(failure)")
    }

    // MARK: - In streams

    /// Data may choose the parts that made them, and no other file.
    @Test func partsAreTakenUpByTheirDigests() throws {
        let (path, text) = (try decoder(), try textEncoder())
        let model = try ModelRequest(name: unet(), parts: [.decoder: path, .textEncoder: text]).open { _ in }
        var metadata = model.metadata
        metadata["ld3.kind"] = "pairs"
        let origin = Origin(place: "in", metadata: metadata)
        #expect(try ModelRequest().open(for: [origin]) { _ in }.metadata == model.metadata)
        // Another decoder makes the same pairs, another text encoder does not.
        let other = Fixtures.path("latent/sd.safetensors")
        #expect(try ModelRequest(parts: [.decoder: other]).open(for: [origin]) { _ in }.parts[.decoder]?.name == other)
        let refused = try #require(throws: Failure.self) {
            try ModelRequest(parts: [.textEncoder: other]).open(for: [origin]) { _ in }
        }
        #expect(refused.status == .data && refused.message.contains("with the text encoder \(text)"), "\(refused)")
        _ = try decoder { $0 == "decoder.conv_out.bias" ? nil : $0 }
        let changed = try #require(throws: Failure.self) { try ModelRequest().open(for: [origin]) { _ in } }
        #expect(changed.status == .data && changed.message.contains("ld3.decoder"), "\(changed)")
        #expect(changed.suggestion?.contains("<decoder file>") == true)
    }

    @Test func theDescriptionNamesTheFiles() throws {
        let parts: [ModelPart: String] = [.decoder: try decoder(), .textEncoder: try textEncoder()]
        let text = try ModelCatalogue.describe(unet(), parts: parts).text
        for path in parts.values { #expect(text.contains(", from \(path)\n"), "\(text)") }
        #expect(text.contains("vae/decoder.conv_in.weight") && text.contains("text_encoder/embeddings."))
        let alone = try ModelCatalogue.describe(unet(), parts: [.textEncoder: textEncoder()])
        #expect(alone.parts.first { $0.name == "decoder" }?.text == "none")
    }
}
