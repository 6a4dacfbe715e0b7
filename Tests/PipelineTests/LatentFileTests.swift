import Formats
import ModelTestSupport
import TestSupport
import Testing

/// Files of latent diffusion models that users have, as the programs meet them.
struct LatentFileTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func expect(
        _ command: String, _ status: Int32, _ words: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let result = try Programs.shell(command)
        #expect(result.status == status && result.output.isEmpty, "\(result.errors)", sourceLocation: sourceLocation)
        let lines = result.errors.split(separator: "\n")
        #expect(lines.count == 1, "\(result.errors)", sourceLocation: sourceLocation)
        for word in words { #expect(result.errors.contains(word), "\(result.errors)", sourceLocation: sourceLocation) }
    }

    private static let teacher = "ld3-teacher -q --schedule uniform --nfe 1 --solver ddim"

    // MARK: - Classes

    private func classes() throws -> String {
        var model = try TinyLatentModel()
        model.takeClasses(10)
        return try model.write(to: folder)
    }

    /// The row behind the last class stands for none, and guidance leads away from it.
    @Test func classesGuide() throws {
        let path = try classes()
        let noise = "ld3-noise -n 3 --model \(path) --labels balanced"
        let sample = "ld3-sample -q --schedule uniform --nfe 1 --solver ddim --latents"
        let plain = try Programs.shell("\(noise) | \(sample)")
        let guided = try Programs.shell("\(noise) | \(sample) --guidance 2")
        #expect(plain.status == 0 && guided.status == 0, "\(plain.errors)\(guided.errors)")
        #expect(try streamFrames(guided.output)[0].tensor("label").int64s() == [0, 1, 2])
        #expect(try streamRows(plain.output, of: "latent") != streamRows(guided.output, of: "latent"))
    }

    @Test func badClassesAreRefused() throws {
        let path = try classes()
        try expect("ld3-noise -n 1 --model \(path) --labels 10", 64, "--labels", "10")
        let noise = "ld3-noise -n 1 --shape 4,16,16"
        try expect(
            "\(noise) --labels 10 --classes 11 | \(Self.teacher) --model \(path)", 65, "label 10 of seed 0",
            "the classes 0 to 9")
        try expect("ld3-noise -n 1 --model \(path) --prompt x", 64, "--prompt", "reads no prompts")
        try expect("\(noise) --prompt x | \(Self.teacher) --model \(path)", 65, "prompts, which the model cannot read")
    }

    // MARK: - Numbers that are not finite

    /// A fit tells of it as sampling does.
    @Test func aDecoderOfInfinity() throws {
        var model = try TinyLatentModel()
        model.takeClasses(10)
        let name = "first_stage_model.decoder.conv_out.bias"
        let bias = try #require(model.tensors.first { $0.name == name })
        model.remove(name)
        var values = try bias.floats()
        values[0] = .infinity
        model.tensors.append(NamedTensor(name: name, shape: bias.shape, floats: values))
        let path = try model.write(to: folder)
        let pairs = folder.file("pairs.ld3")
        let made = try Programs.shell(
            "ld3-noise -n 2 --model \(path) --labels balanced | \(Self.teacher) --model \(path) > \(pairs)")
        #expect(made.status == 0, "\(made.errors)")
        let words = "seed 0: the decoder of \(path) returned NaN or infinity"
        try expect("ld3-fit -q --solver ddim --nfe 2 --model \(path) < \(pairs)", 70, words)
        try expect("ld3-sample -q --schedule uniform --nfe 1 --model \(path) < \(pairs)", 70, words)
    }

    // MARK: - Files of other models

    @Test func otherModelsAreNamed() throws {
        var large = try TinyLatentModel()
        large.tensors.append(
            NamedTensor(name: "conditioner.embedders.0.transformer.weight", shape: [2], floats: [0, 1]))
        var inpainting = try TinyLatentModel()
        let first = "model.diffusion_model.input_blocks.0.0.weight"
        inpainting.remove(first)
        inpainting.tensors.append(
            NamedTensor(name: first, shape: [4, 9, 3, 3], floats: [Float](repeating: 0, count: 324)))
        for (model, kind) in [(large, "Stable Diffusion XL"), (inpainting, "an inpainting model")] {
            let path = try model.write(to: folder)
            try expect("ld3-noise -n 1 --model \(path)", 65, path, kind)
            try expect("ld3-noise -n 1 --shape 4,16,16 | \(Self.teacher) --model \(path)", 65, path, kind)
        }
    }

    /// The variant of a folder's weights is told with the noise, and all later stages take it.
    @Test func aVariantIsFollowed() throws {
        let model = try TinyLatentFolder()
        let unet = "\(model.path)/unet/diffusion_pytorch_model"
        let noise = "ld3-noise -n 1 --model \(model.path) --prompt x"
        let rest = "\(Self.teacher) | ld3-sample -q --schedule uniform --nfe 1 --solver ddim --latents"
        let half = try Programs.shell("\(noise) | \(rest)")
        #expect(half.status == 0, "\(half.errors)")
        let copied = try Programs.shell(
            "cp \(unet).fp16.safetensors \(unet).safetensors && truncate -s -2 \(unet).safetensors && printf zz >> \(unet).safetensors"
        )
        #expect(copied.status == 0, "\(copied.errors)")
        let plain = try Programs.shell("\(noise) | \(rest)")
        let chosen = try Programs.shell("\(noise) --weights fp16 | \(rest)")
        #expect(plain.status == 0 && chosen.status == 0, "\(plain.errors)\(chosen.errors)")
        #expect(try streamFrames(chosen.output)[0].metadata["ld3.weights"] == "fp16")
        #expect(try streamRows(chosen.output, of: "latent") == streamRows(half.output, of: "latent"))
        #expect(try streamRows(plain.output, of: "latent") != streamRows(half.output, of: "latent"))
        try expect(
            "\(noise) | \(Self.teacher) --model \(model.path) --weights fp16", 65, "digest",
            "no --weights, here is --weights fp16")
        try expect("\(noise) --weights bf16", 64, "--weights", "diffusion_pytorch_model.bf16.safetensors")
        try expect("\(noise) --weights ../fp16", 64, "--weights", "is no name of weights")
        try expect("ld3-noise -n 1 --shape 4 --weights fp16", 64, "--weights", "none is opened")
    }

    @Test func aMissingShardIsNamed() throws {
        let model = try TinyLatentFolder()
        try model.remove("unet/diffusion_pytorch_model.fp16.safetensors")
        let shard = "diffusion_pytorch_model-00002-of-00002.safetensors"
        try model.write(
            #"{"weight_map": {"conv_in.weight": "\#(shard)"}}"#,
            "unet/diffusion_pytorch_model.safetensors.index.json")
        try expect("ld3-noise -n 1 --model \(model.path)", 66, "\(model.path)/unet/\(shard)")
        try expect(
            "ld3-noise -n 1 --shape 4,16,16 | \(Self.teacher) --model \(model.path)", 66,
            "\(model.path)/unet/\(shard)")
    }

    /// Text in the place of a model is named as what it is.
    @Test func textIsNoModel() throws {
        for text in ["[4, 8, 8]\n", #"{"precond": "EDMPrecond"}"#, "{a|b} seven on a blue background\n"] {
            let path = try folder.write(Array(text.utf8), to: "model.txt")
            try expect("ld3-noise -n 1 --model \(path)", 65, path, "not a checkpoint")
        }
    }

    // MARK: - An architecture beside the file

    @Test func theArchitectureIsGiven() throws {
        let model = try TinyLatentModel()
        let path = try folder.write(
            Safetensors.serialize(metadata: [:], tensors: model.tensors), to: "bare.safetensors")
        let architecture = try folder.write(Array(model.configuration.utf8), to: "architecture.json")
        try expect("ld3-noise -n 1 --model \(path)", 65, path, "context has 16 numbers")
        let noise = try Programs.shell("ld3-noise -n 1 --model \(path) --architecture \(architecture)")
        #expect(noise.status == 0, "\(noise.errors)")
        #expect(try streamFrames(noise.output)[0].tensor("noise").shape == [1, 4, 16, 16])
        let told = try Programs.shell("ld3-teacher --describe --model \(path) --architecture \(architecture)")
        #expect(told.status == 0 && told.text.contains("latents [4, 16, 16]"), "\(told.errors)\(told.text)")
        // A yaml file of CompVis has all below `model`.
        let yaml = try folder.write(Array(#"{"model": \#(model.configuration)}"#.utf8), to: "yaml.json")
        let same = try Programs.shell("ld3-noise -n 1 --model \(path) --architecture \(yaml)")
        #expect(same.status == 0, "\(same.errors)")
        #expect(try streamFrames(same.output)[0].tensor("noise").shape == [1, 4, 16, 16])
        for (index, text) in ["{}", "[]", #"{"params": {"target": "x"}}"#].enumerated() {
            let other = try folder.write(Array(text.utf8), to: "other-\(index).json")
            try expect("ld3-noise -n 1 --model \(path) --architecture \(other)", 65, "neither params.unet_config")
        }
        try expect("ld3-noise -n 1 --shape 4 --architecture \(architecture)", 64, "--architecture")
        try expect(
            "ld3-teacher --describe --architecture \(architecture)", 64, "--architecture", "mnist32")
    }

    /// An architecture that tells only the prediction leaves the file's own configuration as it is.
    @Test func thePredictionIsGiven() throws {
        let path = try TinyLatentModel().write(to: folder)
        func described(_ prediction: String) throws -> String {
            let text = #"{"params": {"parameterization": "\#(prediction)"}}"#
            let architecture = try folder.write(Array(text.utf8), to: "\(prediction).json")
            let told = try Programs.shell(
                "ld3-teacher --describe --json --model \(path) --architecture \(architecture)")
            #expect(told.status == 0, "\(told.errors)")
            return told.text
        }
        #expect(
            try described("v") == described("eps").replacingOccurrences(of: "predicts noise", with: "predicts velocity")
        )
        let other = try folder.write(Array(#"{"params": {"parameterization": "foo"}}"#.utf8), to: "foo.json")
        try expect("ld3-noise -n 1 --model \(path) --architecture \(other)", 65, "parameterization", "foo")
    }

    // MARK: - Sizes

    @Test func latentsOfAnotherSize() throws {
        let noise = "ld3-noise -n 1 --model digits64 --prompt 'a red seven'"
        let result = try Programs.shell(
            "\(noise) --shape 4,8,16 | ld3-sample -q --schedule uniform --solver ddim --nfe 1")
        #expect(result.status == 0, "\(result.errors)")
        #expect(try streamFrames(result.output)[0].tensor("image").shape == [1, 3, 64, 128])
        try expect("\(noise) --shape 4,8,10", 64, "--shape", "[4, 8, 8] or [4, h, w] with h and w multiples of 4")
        try expect("\(noise) --shape 3,8,8", 64, "--shape", "[3, 8, 8]")
    }

    @Test func aReferenceImpliesItsFeatures() throws {
        let sample = "ld3-sample -q --schedule uniform --solver ddim --nfe 1"
        let result = try Programs.shell(
            "ld3-noise -n 3 --model digits64 --prompt 'a red seven' | \(sample) | ld3-fid --reference digits64")
        #expect(result.status == 0 && result.text.contains("digits64-features"), "\(result.errors)\(result.text)")
    }
}
