import Checkpoints
import Diagnostics
import Formats
import Foundation
import LatentModels
import ModelTestSupport
import Networks
import TestSupport
import Testing

/// Every container of a latent diffusion model, and files that are none.
@Suite struct LatentContainerTests {
    private func open(_ path: String) throws -> LatentModelFiles { try #require(try LatentModelFiles.open(path)) }

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
        // These do not decide what is computed.
        own.name = others.name
        own.network.preconditioning = others.network.preconditioning
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
        ("unet/config.json", #"{"class_embed_type": "timestep"}"#), ("vae/config.json", #"{"shift_factor": 0.1}"#),
        ("scheduler/scheduler_config.json", #"{"beta_schedule": "squaredcos_cap_v2"}"#),
        ("scheduler/scheduler_config.json", #"{"beta_schedule": "scaled_linear", "prediction_type": "flow"}"#),
        ("scheduler/scheduler_config.json", #"{"beta_schedule": "scaled_linear", "a_new_setting": 1}"#),
        ("scheduler/scheduler_config.json", #"{"beta_schedule": "scaled_linear", "trained_betas": [0.1, 0.2]}"#),
        ("scheduler/scheduler_config.json", #"{"beta_schedule": "scaled_linear", "beta_start": -Infinity}"#),
        (
            "scheduler/scheduler_config.json",
            #"{"_class_name": "FlowMatchEulerDiscreteScheduler", "beta_schedule": "scaled_linear"}"#
        ),
        ("model_index.json", #"{"_class_name": 5}"#),
        ("vae/config.json", #"{"a_new_setting": 0.5}"#), ("vae/config.json", #"{"layers_per_block": 1000000}"#),
        ("text_encoder/config.json", #"{"hidden_act": "relu"}"#),
        ("tokenizer/special_tokens_map.json", #"{"pad_token": "nothing"}"#),
    ])
    func settingsThatAreRefused(name: String, text: String) throws {
        let folder = try TinyLatentFolder()
        try folder.write(text, name)
        let failure = try #require(throws: Failure.self) { try open(folder.path) }
        let parent = name.split(separator: "/").first ?? ""
        #expect(failure.status == .data && failure.place?.hasPrefix("\(folder.path)/\(parent)") == true)
    }

    /// Python writes -Infinity into JSON; diffusers' averaging of weights leaves settings in the U-Net's file.
    @Test func settingsThatChangeNothing() throws {
        let folder = try TinyLatentFolder()
        let whole = try open(folder.path)
        try folder.write(#"{"_class_name": "StableDiffusionImg2ImgPipeline", "requires": NaN}"#, "model_index.json")
        try folder.write(
            TinyLatentFolder.networkSettings.replacingOccurrences(
                of: "{", with: #"{"decay": 0.9999, "optimization_step": 5, "inv_gamma": 1.0, "power": 0.75, "#),
            "unet/config.json")
        try folder.write(
            #"{"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "#
                + #""lambda_min_clipped": -Infinity, "solver_type": "midpoint"}"#,
            "scheduler/scheduler_config.json")
        try expectEqual(open(folder.path), whole)
    }

    /// Newer folders may have the vocabulary and the merges in one file, with merges as texts or as pairs.
    @Test(arguments: [#""a b</w>""#, #"["a", "b</w>"]"#]) func aTokenizerInOneFile(merge: String) throws {
        let folder = try TinyLatentFolder()
        let path = "\(folder.path)/tokenizer/"
        let text = try String(contentsOfFile: path + "vocab.json", encoding: .utf8)
        let count = try #require(JSONValue(parsing: text).members?.count)
        let vocabulary = text.dropLast() + #", "ab</w>": \#(count)}"#
        try folder.write(vocabulary + "", "tokenizer/vocab.json")
        try folder.write("a b</w>\n", "tokenizer/merges.txt")
        let numbers = try open(folder.path).tokenizer().tokens("ab a", length: 8)
        #expect(numbers.numbers[1] == count)
        let digest = try open(folder.path).digest

        try folder.write(
            #"{"model": {"type": "BPE", "vocab": \#(vocabulary), "merges": [\#(merge)]}}"#, "tokenizer/tokenizer.json")
        #expect(try open(folder.path).digest == digest)
        try folder.remove("tokenizer/vocab.json")
        try folder.remove("tokenizer/merges.txt")
        #expect(try open(folder.path).tokenizer().tokens("ab a", length: 8) == numbers)
        #expect(try open(folder.path).digest != digest)
        try folder.write(#"{"model": {"vocab": \#(vocabulary)}}"#, "tokenizer/tokenizer.json")
        let failure = try #require(throws: Failure.self) { try open(folder.path).tokenizer() }
        #expect(failure.status == .data && failure.place == "\(folder.path)/tokenizer/tokenizer.json")
    }

    @Test(arguments: [
        ("StableDiffusionXLPipeline", "Stable Diffusion XL"), ("StableDiffusionXLInpaintPipeline", "Diffusion XL"),
        ("StableDiffusionInpaintPipeline", "an inpainting model"), ("AudioLDMPipeline", "none of"),
    ])
    func otherPipelinesAreNamed(pipeline: String, words: String) throws {
        let folder = try TinyLatentFolder()
        try folder.write(#"{"_class_name": "\#(pipeline)"}"#, "model_index.json")
        let failure = try #require(throws: Failure.self) { try open(folder.path) }
        #expect(failure.status == .data && failure.place == "\(folder.path)/model_index.json: _class_name")
        #expect(failure.message.contains(pipeline) && failure.message.contains(words), "\(failure)")
        #expect(failure.suggestion == nil, "\(failure)")
    }

    @Test func aFolderWithoutWeights() throws {
        let folder = try TinyLatentFolder()
        try folder.remove("vae/diffusion_pytorch_model.safetensors")
        let failure = try #require(throws: Failure.self) { try open(folder.path) }
        #expect(failure.status == .noInput && failure.place == "\(folder.path)/vae")
    }

    // MARK: - Refusals

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
        #expect(try refusal(rest + [(first, .int8, [8, 4, 3, 3])]).message.contains("quantized"))
        let label = ("model.diffusion_model.label_emb.0.0.weight", DataType.float16, [8, 4])
        #expect(try refusal(rest + [(first, .float16, [8, 4, 3, 3]), label]).place?.hasSuffix(label.0) == true)
    }
}
