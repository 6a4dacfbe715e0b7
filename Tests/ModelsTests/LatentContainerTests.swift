import Checkpoints
import Diagnostics
import Formats
import Foundation
import Models
import Networks
import TestSupport
import Testing

/// Every container of a latent diffusion model, and files that are none.
@Suite struct LatentContainerTests {
    private func open(_ path: String, _ weightSet: WeightSet = .averaged) throws -> LatentModelFiles {
        try #require(try LatentModelFiles.open(path, weightSet: weightSet))
    }

    /// The single file of the repository, with the numbers of heads that shapes do not show.
    private func singleFile() throws -> LatentModelFiles {
        var files = try open(Fixtures.path("latent/sd.safetensors"))
        var text = try #require(files.configuration.text)
        text.heads = 2
        files.configuration.condition = .text(text)
        return files
    }

    private func expectEqual(_ files: LatentModelFiles, _ other: LatentModelFiles) throws {
        var (own, others) = (files.configuration, other.configuration)
        own.name = others.name
        own.network.attentionResolutions.sort()
        others.network.attentionResolutions.sort()
        // The values are too long to be printed.
        #expect(own.network == others.network && own.decoder == others.decoder && own.condition == others.condition)
        let isEqual = own == others
        #expect(isEqual)
        for name in other.weights.tensorNames where !name.hasSuffix("position_ids") {
            let isEqual = try files.weights.floats(name) == other.weights.floats(name)
            #expect(isEqual, "\(name)")
        }
    }

    @Test func aFolderIsTheSingleFile() throws {
        let folder = try TinyLatentFolder()
        let files = try open(folder.path)
        try expectEqual(files, singleFile())
        #expect(try files.tokenizer().tokens("a", length: 5).numbers.suffix(2) == [0, 0])
    }

    @Test func aCheckpointIsTheSingleFile() throws {
        let folder = try TinyLatentFolder()
        let path = try folder.files.write(try TorchWriter.serialize(folder.tensors), to: "model.ckpt")
        let architecture = try JSONValue(parsing: folder.configuration)
        let other = try singleFile()
        var files = try #require(try LatentModelFiles.open(path, architecture: architecture))
        files.configuration.condition = other.configuration.condition
        try expectEqual(files, other)
    }

    /// Weights without a mark of a variant come before those with one; the names of shards stand in a list.
    @Test func shardsAndVariants() throws {
        let folder = try TinyLatentFolder()
        let whole = try open(folder.path)
        let network = try NetworkConfiguration(diffusers: try JSONValue(parsing: TinyLatentFolder.networkSettings))
        let tensors = folder.renamed("model.diffusion_model.", ModuleNames.unet(network).diffusers)
        let shards = [tensors.prefix(300), tensors.dropFirst(300)].enumerated().map { ("shard-\($0).safetensors", $1) }
        for (name, part) in shards { try folder.write(Array(part), "unet/\(name)") }
        let map = shards.flatMap { name, part in part.map { JSONValue.Member($0.name, .string(name)) } }
        func writeList(_ members: [JSONValue.Member]) throws {
            let list = JSONValue.object([.init("weight_map", .object(members))])
            try folder.write(list.text, "unet/diffusion_pytorch_model.safetensors.index.json")
        }
        try writeList(map)
        let files = try open(folder.path)
        try expectEqual(files, whole)
        #expect(files.digest != whole.digest)

        try folder.remove("unet/shard-1.safetensors")
        let missing = try #require(throws: Failure.self) { try open(folder.path) }
        #expect(missing.status == .noInput && missing.place == "\(folder.path)/unet/shard-1.safetensors")
        try writeList([.init("conv_in.weight", "../unet/shard-0.safetensors")])
        let stray = try #require(throws: Failure.self) { try open(folder.path) }
        #expect(stray.status == .data && stray.message.contains("not in the same folder"))
    }

    @Test(arguments: [
        ("model_index.json", #"{"_class_name": "StableDiffusionXLPipeline"}"#),
        ("unet/config.json", #"{"class_embed_type": "timestep"}"#), ("vae/config.json", #"{"shift_factor": 0.1}"#),
        ("scheduler/scheduler_config.json", #"{"beta_schedule": "squaredcos_cap_v2"}"#),
        ("scheduler/scheduler_config.json", #"{"beta_schedule": "scaled_linear", "prediction_type": "flow"}"#),
        ("text_encoder/config.json", #"{"hidden_act": "relu"}"#),
        ("tokenizer/special_tokens_map.json", #"{"pad_token": "nothing"}"#),
    ])
    func settingsThatAreRefused(name: String, text: String) throws {
        let folder = try TinyLatentFolder()
        try folder.write(text, name)
        let failure = try #require(throws: Failure.self) { try open(folder.path) }
        let parent = name.split(separator: "/").dropLast().joined()
        #expect(failure.status == .data && failure.place?.hasPrefix("\(folder.path)/\(parent)") == true)
    }

    @Test func aFolderWithoutWeights() throws {
        let folder = try TinyLatentFolder()
        try folder.remove("vae/diffusion_pytorch_model.safetensors")
        let failure = try #require(throws: Failure.self) { try open(folder.path) }
        #expect(failure.status == .noInput && failure.place == "\(folder.path)/vae")
    }

    /// Averages stand beside the U-Net's weights, under names without dots.
    @Test func averagesAndRawWeights() throws {
        let (metadata, tensors) = try Safetensors.parse(
            [UInt8](Data(contentsOf: URL(fileURLWithPath: Fixtures.path("latent/lsun.safetensors")))))
        let averages = tensors.filter { $0.name.hasPrefix("model.") }.map { tensor in
            let name = "model_ema." + tensor.name.dropFirst("model.".count).filter { $0 != "." }
            return NamedTensor(
                name: name, type: tensor.type, shape: tensor.shape, bytes: tensor.bytes.map { _ in 0 })
        }
        let folder = try TemporaryFolder()
        let path = try folder.write(
            Safetensors.serialize(metadata: metadata, tensors: tensors + averages), to: "both.safetensors")
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

    private func refusal(_ tensors: [(String, DataType, [Int])]) throws -> Failure {
        let folder = try TemporaryFolder()
        let path = try folder.write(
            Safetensors.serialize(
                metadata: [:],
                tensors: tensors.map { name, type, shape in
                    let count = shape.reduce(1, *) * type.size
                    return NamedTensor(name: name, type: type, shape: shape, bytes: .init(repeating: 0, count: count))
                }), to: "model.safetensors")
        return try #require(throws: Failure.self) { try LatentModelFiles.open(path) }
    }

    @Test(arguments: [
        ("conditioner.embedders.0.transformer.weight", "Stable Diffusion XL"),
        ("lora_unet_down_blocks_0.lora_down.weight", "a LoRA"), ("control_model.zero_convs.0.0.weight", "a ControlNet"),
        ("model.diffusion_model.double_blocks.0.weight", "Flux"),
    ])
    func otherFilesAreRefusedByName(tensor: String, kind: String) throws {
        let failure = try refusal([(tensor, .float16, [2, 2])])
        #expect(failure.status == .data && failure.message.contains("is \(kind)"))
    }

    @Test func unetsThatAreToldMoreAreRefused() throws {
        let rest: [(String, DataType, [Int])] = [
            ("model.diffusion_model.out.2.weight", .float16, [4, 8, 3, 3]),
            ("first_stage_model.decoder.conv_in.weight", .float16, [8, 4, 3, 3]),
        ]
        let first = "model.diffusion_model.input_blocks.0.0.weight"
        #expect(try refusal(rest + [(first, .float16, [8, 9, 3, 3])]).message.contains("an inpainting model"))
        #expect(try refusal(rest + [(first, .int8, [8, 4, 3, 3])]).message.contains("quantised"))
        let label = ("model.diffusion_model.label_emb.0.0.weight", DataType.float16, [8, 4])
        #expect(try refusal(rest + [(first, .float16, [8, 4, 3, 3]), label]).place?.hasSuffix(label.0) == true)
    }
}
