import Diagnostics
import Diffusion
import Formats
import LatentModels
import ModelTestSupport
import Models
import Tensors
import TestSupport
import Testing

/// Files of latent diffusion models with a fault: each is refused in a line that names the file.
@Suite struct LatentFaultTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func failure(of model: TinyLatentModel) throws -> Failure {
        let path = try model.write(to: folder)
        let failure = try #require(throws: Failure.self) { try ModelCatalogue.open(path) }
        #expect(failure.status == .data && failure.place?.hasPrefix("\(path): ") == true, "\(failure)")
        return failure
    }

    private func scaleFactor(_ model: TinyLatentModel) throws -> Double? {
        try LatentModelFiles.open(model.write(to: folder))?.configuration.scaleFactor
    }

    // MARK: - Tensors

    /// Without its bias a layer would compute something else. A folder's tensor has the name that the folder gives it.
    @Test(arguments: [
        ("model.diffusion_model.input_blocks.0.0.bias", "unet: conv_in.bias"),
        ("model.diffusion_model.out.2.bias", "unet: conv_out.bias"),
        ("model.diffusion_model.time_embed.0.bias", "unet: time_embedding.linear_1.bias"),
        (
            "model.diffusion_model.middle_block.1.transformer_blocks.0.ff.net.2.bias",
            "unet: mid_block.attentions.0.transformer_blocks.0.ff.net.2.bias"
        ),
        (
            "model.diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_out.0.bias",
            "unet: mid_block.attentions.0.transformer_blocks.0.attn2.to_out.0.bias"
        ),
        ("first_stage_model.post_quant_conv.bias", "vae: post_quant_conv.bias"),
        ("first_stage_model.decoder.mid.attn_1.q.bias", "vae: decoder.mid_block.attentions.0.to_q.bias"),
        ("first_stage_model.decoder.conv_out.bias", "vae: decoder.conv_out.bias"),
        (
            "cond_stage_model.transformer.text_model.encoder.layers.0.self_attn.q_proj.bias",
            "text_encoder: text_model.encoder.layers.0.self_attn.q_proj.bias"
        ),
        (
            "cond_stage_model.transformer.text_model.encoder.layers.0.mlp.fc1.bias",
            "text_encoder: text_model.encoder.layers.0.mlp.fc1.bias"
        ),
    ]) func aMissingBiasIsNamed(name: String, place: String) throws {
        var model = try TinyLatentModel()
        model.remove(name)
        let written = try TinyLatentFolder(model)
        let opened = try ModelCatalogue.open(written.path)
        let x = Tensor<Float>(shape: [1, 4, 16, 16], repeating: 0.5)
        let failure = try #require(throws: Failure.self) {
            let value = try opened.denoiser.denoise(x, at: [0.5], given: Condition(prompts: ["a"]))
            return try opened.decoder.decode(value)
        }
        #expect(failure.status == .data && failure.place == "\(written.path)/\(place)", "\(failure)")
    }

    @Test func aTensorOfAnotherNetworkIsNamed() throws {
        for name in [
            "model.diffusion_model.foo.weight",
            "cond_stage_model.transformer.text_model.encoder.layers.0.adapter.weight",
        ] {
            var model = try TinyLatentModel()
            model.tensors.append(NamedTensor(name: name, shape: [2], floats: [1, 2]))
            let path = try model.write(to: folder)
            let opened = try ModelCatalogue.open(path)
            let x = Tensor<Float>(shape: [1, 4, 16, 16], repeating: 0.5)
            let failure = try #require(throws: Failure.self) {
                try opened.denoiser.denoise(x, at: [0.5], given: Condition(prompts: ["a"]))
            }
            #expect(failure.status == .data && failure.place == "\(path): \(name)", "\(failure)")
        }
    }

    /// The shipped tokenizer has more tokens than the text encoder of the small model.
    @Test func aTokenizerBeyondTheTextEncoder() throws {
        let path = try TinyLatentModel().write(to: folder)
        let opened = try ModelCatalogue.open(path)
        let failure = try #require(throws: Failure.self) {
            try opened.denoiser.denoise(
                Tensor(shape: [1, 4, 16, 16], repeating: 0.5), at: [0.5], given: Condition(prompts: ["a red dog"]))
        }
        #expect(failure.status == .data && failure.place?.hasPrefix(path) == true)
        #expect(failure.message.contains("49408") && failure.message.contains("714"), "\(failure)")
    }

    // MARK: - Parts that do not fit each other

    @Test(arguments: [
        (#""context_dim":16"#, #""context_dim":8"#, ["8 numbers", "16 numbers"]),
        (#""embed_dim":4"#, #""embed_dim":3"#, ["4 channels", "3"]),
        (#""out_channels":4"#, #""out_channels":8"#, ["4 channels", "8"]),
        (#""image_size":16,"scale"#, #""image_size":6,"scale"#, ["[6, 6] cannot be halved 3 times"]),
        (#""image_size":16,"scale"#, #""image_size":1048576,"scale"#, ["[1048576, 1048576] is too large"]),
        (#""scale_factor":0.18215"#, #""scale_factor":0"#, ["no positive number"]),
        (#"FrozenCLIPEmbedder""#, #"FrozenCLIPEmbedder","params":{"num_attention_heads":3}"#, ["3 heads"]),
    ]) func partsMustFit(old: String, new: String, words: [String]) throws {
        var model = try TinyLatentModel()
        #expect(model.configuration.contains(old))
        model.configuration.replace(old, with: new)
        let failure = try failure(of: model)
        for word in words { #expect(failure.description.contains(word), "\(failure)") }
    }

    @Test func classesMustFit() throws {
        var model = try TinyLatentModel()
        model.takeClasses(10)
        #expect(try ModelCatalogue.open(model.write(to: folder)).labelCount == 10)
        model.takeClasses(10, width: 12)
        #expect(try failure(of: model).message.contains("12 numbers"))
    }

    // MARK: - Numbers in the file beside a configuration

    @Test func theScaleFactorOfTheFile() throws {
        var model = try TinyLatentModel()
        model.tensors.append(NamedTensor(name: "scale_factor", shape: [], floats: [0.25]))
        let failure = try failure(of: model)
        #expect(failure.message.contains("0.25") && failure.message.contains("0.18215"), "\(failure)")
        // It was measured in training, and the configuration tells where that began.
        model.configuration.replace(#""scale_factor":0.18215"#, with: #""scale_factor":1.0,"scale_by_std":true"#)
        #expect(try scaleFactor(model) == 0.25)
        model.configuration.replace(#""scale_factor":1.0,"scale_by_std":true,"#, with: "")
        #expect(try scaleFactor(model) == 0.25)
        model.remove("scale_factor")
        #expect(try scaleFactor(model) == 0.18215)
    }

    private func levels(_ table: NoiseTable, _ type: DataType) throws -> NamedTensor {
        let values = NamedTensor(name: "alphas_cumprod", shape: [1000], floats: table.alphasCumprod.map { Float($0) })
        return type == .float32 ? values : try values.rounded(to: type)
    }

    @Test(arguments: [DataType.float32, .float16, .bfloat16]) func noiseLevelsBesideAConfiguration(type: DataType)
        throws
    {
        var model = try TinyLatentModel()
        model.tensors.append(try levels(.stableDiffusion, type))
        #expect(try ModelCatalogue.open(model.write(to: folder)).process == .vpDiscrete(.stableDiffusion))
        model.remove("alphas_cumprod")
        model.tensors.append(try levels(.latentDiffusion, type))
        let failure = try failure(of: model)
        #expect(failure.place?.hasSuffix("alphas_cumprod") == true)
        #expect(failure.message.contains("in the model file, and"), "\(failure)")
        if type == .float32 {
            #expect(failure.message.hasPrefix("level 0 is 0.9985 in the model file, and 0.99915 by"), "\(failure)")
        }
        model.remove("alphas_cumprod")
        model.tensors.append(NamedTensor(name: "alphas_cumprod", shape: [2], floats: [0.9, 0.5]))
        let short = try self.failure(of: model)
        #expect(short.message.contains("2 noise levels") && short.message.contains("1000"), "\(short)")
    }
}
