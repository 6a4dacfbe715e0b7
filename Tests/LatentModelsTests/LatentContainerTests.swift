import Checkpoints
import Diagnostics
import Formats
import Foundation
import LatentModels
import ModelTestSupport
import Networks
import TestSupport
import Testing

/// Every container of a latent diffusion model, and folders that are none.
@Suite struct LatentContainerTests {
    private func open(_ path: String, _ variant: String? = nil) throws -> LatentModelFiles {
        try #require(try LatentModelFiles.open(path, weightSet: variant.flatMap { WeightSet(rawValue: $0) }))
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

    /// The text encoder's names have another stem, and PyTorch's files another ending.
    @Test func aFolderOfTorchFiles() throws {
        let folder = try TinyLatentFolder()
        let whole = try open(folder.path)
        for (old, new) in [
            ("unet/diffusion_pytorch_model.fp16.safetensors", "unet/diffusion_pytorch_model.bin"),
            ("vae/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.fp16.bin"),
            ("text_encoder/model.safetensors", "text_encoder/pytorch_model.bin"),
        ] {
            let stored = try SafetensorsFile(path: folder.files.file(old))
            let tensors = try stored.tensorNames.map { try stored.tensor($0) }
            try folder.files.write(try TorchWriter.serialize(tensors), to: new)
            try folder.remove(old)
        }
        let files = try open(folder.path)
        try expectEqual(files, whole)
        #expect(files.digest != whole.digest && files.weightSet == nil)
    }

    /// Tensors of BF16, and of three types in one file, are read as the numbers that they hold.
    @Test(arguments: [[DataType.bfloat16], [.float32, .bfloat16, .float16]])
    func typesOfNumbers(types: [DataType]) throws {
        var model = try TinyLatentModel(), wide = model
        let isNumber = model.tensors.map(\.type.isFloat)
        func wider(_ tensor: NamedTensor) throws -> NamedTensor {
            NamedTensor(name: tensor.name, shape: tensor.shape, floats: try tensor.floats())
        }
        for index in model.tensors.indices where isNumber[index] {
            let (tensor, type) = (model.tensors[index], types[index % types.count])
            model.tensors[index] = try type == .float32 ? wider(tensor) : tensor.rounded(to: type)
            wide.tensors[index] = try wider(model.tensors[index])
        }
        #expect(types.allSatisfy { type in model.tensors.count { $0.type == type } > 300 })
        let folder = try TemporaryFolder()
        let single = try open(model.write(to: folder, as: "model.safetensors"))
        try expectEqual(single, open(wide.write(to: folder, as: "wide.safetensors")))
        let (short, long) = (try TinyLatentFolder(model), try TinyLatentFolder(wide))
        try expectEqual(open(short.path), open(long.path))
    }

    /// A component that lacks the variant has its usual weights, as in diffusers, and a note tells it.
    @Test func aVariantIsChosen() throws {
        let folder = try TinyLatentFolder()
        let half = try open(folder.path)
        let name = "conv_in.weight"
        func writeZeros(_ file: String) throws {
            let stored = try SafetensorsFile(path: folder.files.file("unet/diffusion_pytorch_model.fp16.safetensors"))
            let tensors = try stored.tensorNames.map { name in
                var tensor = try stored.tensor(name)
                tensor.bytes = tensor.bytes.map { _ in 0 }
                return tensor
            }
            let isTorch = file.hasSuffix("bin")
            try folder.files.write(
                isTorch ? TorchWriter.serialize(tensors) : Safetensors.serialize(metadata: [:], tensors: tensors),
                to: "unet/\(file)")
        }
        try writeZeros("diffusion_pytorch_model.safetensors")
        let plain = try open(folder.path)
        #expect(plain.weightSet == nil && plain.remarks.isEmpty && plain.digest != half.digest)
        #expect(try plain.stored.floats("unet/" + name).allSatisfy { $0 == 0 })
        let chosen = try open(folder.path, "fp16")
        try expectEqual(chosen, half)
        #expect(chosen.weightSet?.rawValue == "fp16" && chosen.digest == half.digest)
        #expect(
            chosen.remarks == [
                "\(folder.path) has no weights `fp16` in vae and text_encoder, whose usual ones are read"
            ])
        // The U-Net alone, and a variant that stands in PyTorch's file only.
        let alone = try LatentModelFiles.open(
            "\(folder.path)/unet", weightSet: chosen.weightSet,
            parts: [.textEncoder: "\(folder.path)/text_encoder"])
        #expect(try alone?.weightSet == chosen.weightSet && alone?.stored.floats("unet/" + name).contains(0) == false)
        try writeZeros("diffusion_pytorch_model.non_ema.bin")
        #expect(try open(folder.path, "non_ema").digest != plain.digest)
        for path in [folder.path, "\(folder.path)/unet"] {
            let failure = try #require(throws: Failure.self) { try open(path, "bf16") }
            #expect(failure.status == .usage && failure.place == "weights")
            #expect(failure.message.contains("diffusion_pytorch_model.bf16.safetensors"), "\(failure)")
        }
        for name in ["", ".", "a/b", "..", "fp16.", "\u{E9}"] { #expect(WeightSet(rawValue: name) == nil, "\(name)") }
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
        ("scheduler/scheduler_config.json", #"{"beta_schedule": "sigmoid"}"#),
        ("scheduler/scheduler_config.json", #"{"beta_start": 0.02, "beta_end": 0.01}"#),
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

    /// Noise levels against diffusers' own alphas_cumprod, which are summed in float32.
    @Test(arguments: [
        (
            #"{}"#, "linear:1000,0.0001,0.02",
            [0: 0.9998999834060669, 250: 0.5214229822158813, 500: 0.07779665291309357, 999: 4.035830352222547e-05]
        ),
        (
            #"{"beta_schedule": "linear", "beta_start": 0.0015, "beta_end": 0.0195, "num_train_timesteps": 500}"#,
            "linear:500,0.0015,0.0195", [0: 0.9984999895095825, 250: 0.22009828686714172, 499: 0.005068659316748381]
        ),
        (
            #"{"beta_schedule": "squaredcos_cap_v2"}"#, "cosine:1000",
            [0: 0.9999586939811707, 250: 0.8458880186080933, 500: 0.4922850430011749, 900: 0.023616107180714607]
        ),
    ])
    func noiseLevelsOfAScheduler(text: String, name: String, recorded: [Int: Double]) throws {
        let folder = try TinyLatentFolder()
        try folder.write(text, "scheduler/scheduler_config.json")
        let process = try open(folder.path).configuration.process
        #expect(process.spelling == "vp-discrete:\(name)")
        let table = try #require(process.table)
        for (level, value) in recorded {
            #expect(abs(table.alphasCumprod[level] / value - 1) < 2e-5, "\(level)")
        }
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
}
