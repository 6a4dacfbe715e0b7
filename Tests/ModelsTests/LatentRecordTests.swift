import Diffusion
import FeatureNetworks
import Formats
import LatentModels
import Models
import Networks
import Tensors
import TestSupport
import Testing

/// Whole models of the collection, from prompts, classes or contexts to predictions and pictures, against PyTorch in
/// double precision.
@Suite(.enabled(if: Fixtures.shared("latent/INDEX.json") != nil)) struct LatentRecordTests {
    private static let prompts = Condition(prompts: [
        "A dog sitting at a table in front of a plate.", "a photo of an astronaut riding a horse, 1990s",
    ])

    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Returns the path of a file or folder of the collection.
    private func shared(_ name: String) throws -> String { try #require(Fixtures.shared(name)) }

    /// Returns the condition of samples whose contexts were made elsewhere.
    private func condition(_ context: Tensor<Float>, unconditional: Tensor<Float>) -> Condition {
        Condition(tensors: ["condition.context": context, "condition.context_null": unconditional])
    }

    @Test func stableDiffusion() throws {
        var record = try LatentRecord("latent/sd/io.safetensors")
        let plain = try ModelCatalogue.open(shared("latent/sd/diffusers"))
        let guided = try ModelCatalogue.open(shared("latent/sd/diffusers"), guidance: 7.5)
        let steps = try record.numbers("t_input")
        for (name, condition) in [("conditional", Self.prompts), ("unconditional", Self.prompts.unconditional)] {
            try record.add("out_\(name)", .noise, of: plain, given: condition, at: steps.map { ($0 + 1) / 1000 })
            record["out_\(name)_vjp_t_input"] = record["out_\(name)_vjp_t"].map { $0 / 1000 }
        }
        try record.add("guided_noise", .noise, of: guided, given: Self.prompts)
        try record.add("guided_data", of: guided, given: Self.prompts)
        try record.addPictures(of: plain)
        try record.addChain(
            "chain_ddim", "ddim", of: guided, from: "chain_noise", along: "chain_t", given: Self.prompts)
        try record.addChain(
            "chain_ipndm2", "ipndm2", of: guided, from: "chain_noise", along: "chain_t", told: "chain_tau",
            given: Self.prompts)

        var architecture = try JSONValue(file: shared("latent/sd/architecture.json"))
        let params = try #require(architecture["params"]).replacing("parameterization", with: "v")
        architecture = architecture.replacing("params", with: params)
        let velocity = try ModelCatalogue.open(
            shared("latent/sd/model.ckpt"), guidance: 7.5,
            architecture: folder.write(architecture.text.utf8, to: "v.json"))
        let texts = try record.tensor("embedding")
        try record.add(
            "guided_data_v", of: velocity,
            given: condition(texts.gather([0, 1]), unconditional: texts.gather([2, 2])))
        // Tests of the text encoder, and of latents that are not square, read the others.
        try record.check(
            values: 1e-4, pullbacks: 1e-4, times: 5e-4, besides: ["embedding", "wide_out", "wide_decoded"])
    }

    /// A U-Net alone with linear projections and heads of one width, whose velocity is told by a configuration.
    @Test func stableDiffusion2() throws {
        var record = try LatentRecord("latent/sd2/io.safetensors")
        let architecture = try folder.write(#"{"params": {"parameterization": "v"}}"#.utf8, to: "v.json")
        let contexts = condition(try record.tensor("context"), unconditional: try record.tensor("uncond_context"))
        for (name, prediction, guidance) in [("out", Prediction.velocity, 1), ("guided_data", .data, 7.5)] {
            let model = try ModelCatalogue.open(
                shared("latent/sd2/diffusers/unet"), guidance: guidance, architecture: architecture,
                parts: [.textEncoder: shared("latent/sd/diffusers/text_encoder")])
            try record.add(name, prediction, of: model, given: contexts)
        }
        try record.check(values: 5e-5, pullbacks: 5e-4, times: 2e-4)
    }

    /// A flow, whose network predicts the velocity at the step 1000 t; and Euler's steps from noise to data.
    @Test func rectifiedFlow() throws {
        var record = try LatentRecord("latent/instaflow/io.safetensors")
        let plain = try ModelCatalogue.open(shared("latent/instaflow/diffusers"))
        let guided = try ModelCatalogue.open(shared("latent/instaflow/diffusers"), guidance: 1.5)
        for (prefix, model) in [("", plain), ("guided_", guided)] {
            #expect(model.process == .flow)
            try record.add("\(prefix)velocity", .velocity, of: model, given: Self.prompts)
            try record.add("\(prefix)data", of: model, given: Self.prompts)
        }
        try record.addChain("euler4", "euler", of: guided, from: "noise", along: "grid", given: Self.prompts)
        // The last step is the data prediction, in which the end does not stand.
        #expect(record["euler4_grad_t"].popLast() == 0)
        record["euler4_grad_t"] += try record.numbers("euler4_grad_t").suffix(1)
        try record.check(values: 5e-5, pullbacks: 2e-4, times: 1e-3)
    }

    @Test func lsun() throws {
        var record = try LatentRecord("latent/lsun/io.safetensors")
        for (name, weightSet) in [("raw", WeightSet.raw), ("ema", .averaged)] {
            let model = try ModelCatalogue.open(
                shared("latent/lsun/model.ckpt"), architecture: shared("latent/lsun/architecture.json"),
                weightSet: weightSet)
            #expect(model.weightSet == weightSet && model.process == .vpDiscrete(.latentDiffusion))
            try record.add("noise_\(name)", .noise, of: model, given: .none)
            try record.add("data_\(name)", of: model, given: .none)
            try record.addPictures(of: model)
        }
        try record.check(values: 2e-5, pullbacks: 5e-5, times: 1e-3)
    }

    @Test func imageNet() throws {
        var record = try LatentRecord("latent/imagenet/io.safetensors")
        let model = try ModelCatalogue.open(
            shared("latent/imagenet/model.ckpt"), guidance: 2, architecture: shared("latent/imagenet/architecture.json")
        )
        let labels = Condition(classes: try record.numbers("label").map { Int($0) })
        try record.add("guided_noise", .noise, of: model, given: labels)
        try record.add("guided_data", of: model, given: labels)
        try record.addPictures(of: model)
        try record.check(values: 5e-5, pullbacks: 5e-5, times: 5e-4)
    }

    /// The noise prediction that LD3's own wrapper makes of networks with 32 groups, whatever these predict.
    @Test func wrappers() throws {
        // The outputs themselves are read by the tests of the networks.
        let outputs: Set = ["out", "vjp_x", "vjp_t"]
        var imageNet = try LatentRecord("unet_ldm/ldm_imagenet.io.safetensors")
        try addNoise(to: &imageNet, "wrap_noise", model: wrapped("ldm_imagenet", predicts: "eps", guidance: 2))
        try imageNet.check(values: 5e-5, pullbacks: 5e-5, times: 2e-4, besides: outputs)
        var sd = try LatentRecord("unet_ldm/ldm_sd.io.safetensors")
        for (word, name) in [("eps", "noise"), ("v", "v"), ("x0", "x_start")] {
            try addNoise(to: &sd, "wrap_\(name)", model: wrapped("ldm_sd", predicts: word, guidance: 7.5))
        }
        try sd.check(values: 1e-4, pullbacks: 1e-4, times: 5e-4, besides: outputs)
    }

    private func addNoise(to record: inout LatentRecord, _ name: String, model: Model) throws {
        let contexts = condition(try record.tensor("context"), unconditional: try record.tensor("uncond_context"))
        try record.add(name, .noise, of: model, given: contexts, at: record.numbers("t_continuous"))
    }

    /// Returns a U-Net as the model of a single file. A text encoder is only there to tell the shape of contexts.
    private func wrapped(_ name: String, predicts word: String, guidance: Double) throws -> Model {
        let file = try SafetensorsFile(path: shared("unet_ldm/\(name).weights.safetensors"))
        let arguments = try #require(file.document?["init_kwargs"])
        var tensors = try file.tensorNames.map { try file.tensor($0) }
        for index in tensors.indices where !tensors[index].name.hasPrefix("cond_stage_model.") {
            tensors[index].name = "model.diffusion_model." + tensors[index].name
        }
        let hasClasses = file.shape(of: "cond_stage_model.embedding.weight") != nil
        if !hasClasses {
            for (name, shape) in [
                ("embeddings.token_embedding", [2, 24]), ("embeddings.position_embedding", [7, 24]),
                ("encoder.layers.0.layer_norm1", [24]),
            ] {
                tensors.append(
                    NamedTensor(
                        name: "cond_stage_model.transformer.text_model.\(name).weight", shape: shape,
                        floats: [Float](repeating: 0, count: shape.reduce(1, *))))
            }
        }
        let configuration = """
            {"params": {"linear_start": 0.00085, "linear_end": 0.012, "parameterization": "\(word)",
            "unet_config": {"params": \(arguments.text)}, "first_stage_config": {},
            "cond_stage_config": {"target": "modules.\(hasClasses ? "ClassEmbedder" : "FrozenCLIPEmbedder")"}}}
            """
        let path = try folder.write(
            Safetensors.serialize(metadata: ["config": configuration], tensors: tensors), to: "\(name).\(word)")
        return try ModelCatalogue.open(path, guidance: guidance)
    }

    /// The trained model that the programs have.
    @Test(.enabled(if: Fixtures.shared("../assets/digits64-check.safetensors") != nil)) func digits64() throws {
        var record = try LatentRecord("../assets/digits64-check.safetensors")
        let prompts: [Prompt] = ["a red seven on a blue background", "a photo of a green 3", ""]
        let tokenizer = try LatentModelFiles.shippedTokenizer()
        let tokens = prompts.flatMap { tokenizer.tokens($0.text, length: 77).numbers }
        #expect(try record.numbers("input_ids") == tokens.map { Double($0) })

        let condition = Condition(prompts: Array(prompts.prefix(2)))
        let (plain, guided) = (
            try ModelCatalogue.open("digits64"), try ModelCatalogue.open("digits64", guidance: 3)
        )
        try record.add("eps", .noise, of: plain, given: condition)
        try record.add("guided", .noise, of: guided, given: condition)
        try record.add("data", of: guided, given: condition)
        try record.addPictures(of: plain)
        let images = try record.addChain(
            "chain", "ddim", of: guided, from: "chain_noise", along: "chain_t", given: condition)
        let network = try #require(try FeatureCatalogue.features("digits64") as? DigitFeatures)
        let features = try network.features(images: images.map { min(max($0, -1), 1) })
        record.add("feature", features)
        record.add("logits", network.logits(features))
        try record.check(values: 2e-5, pullbacks: 2e-5, times: 2e-5, besides: ["context"])
    }
}
