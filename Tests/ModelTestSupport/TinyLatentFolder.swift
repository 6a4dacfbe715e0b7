import Formats
import Foundation
import Networks
import TestSupport

/// The small Stable Diffusion of the repository: its tensors under CompVis' names, and CompVis' configuration.
package struct TinyLatentModel {
    package var tensors: [NamedTensor]
    package var configuration: String

    package init() throws {
        let path = Fixtures.path("latent/sd.safetensors")
        let (metadata, tensors) = try Safetensors.parse([UInt8](Data(contentsOf: URL(fileURLWithPath: path))))
        self.tensors = tensors
        configuration = metadata["config"] ?? ""
    }

    package mutating func remove(_ name: String) { tensors.removeAll { $0.name == name } }

    /// Puts a table of classes in the place of the text encoder.
    package mutating func takeClasses(_ count: Int, width: Int = 16) {
        tensors.removeAll { $0.name.hasPrefix("cond_stage_model.") }
        let values = (0..<(count + 1) * width).map { Float($0 % 11) / 8 - 0.5 }
        tensors.append(
            NamedTensor(name: "cond_stage_model.embedding.weight", shape: [count + 1, width], floats: values))
        configuration.replace("FrozenCLIPEmbedder", with: "ClassEmbedder")
    }

    /// Writes the model as a single file, and returns its path.
    package func write(to folder: TemporaryFolder, as name: String = "model.safetensors") throws -> String {
        try folder.write(
            Safetensors.serialize(metadata: ["config": configuration], tensors: tensors), to: name)
    }
}

/// The small Stable Diffusion of the repository, written as a folder of diffusers.
package struct TinyLatentFolder {
    package let files: TemporaryFolder
    package var path: String { files.path }
    /// The tensors of the single file.
    package let tensors: [NamedTensor]
    package let configuration: String

    package static let networkSettings = """
        {"_class_name": "UNet2DConditionModel", "block_out_channels": [4, 8, 16, 16], "cross_attention_dim": 16,
         "attention_head_dim": 2, "norm_num_groups": 2, "sample_size": 16}
        """

    package init(_ model: TinyLatentModel? = nil) throws {
        let model = try model ?? TinyLatentModel()
        files = try TemporaryFolder()
        (tensors, configuration) = (model.tensors, model.configuration)
        let network = try NetworkConfiguration(diffusers: try JSONValue(parsing: Self.networkSettings))
        let (unet, autoencoder) = (ModuleNames.unet(network), ModuleNames.autoencoder(levels: 4, blocks: 2))
        try write(#"{"_class_name": "StableDiffusionPipeline"}"#, "model_index.json")
        try write(Self.networkSettings, "unet/config.json")
        try write(
            #"{"block_out_channels": [4, 8, 16, 16], "layers_per_block": 2, "norm_num_groups": 2}"#, "vae/config.json")
        try write(
            #"{"num_hidden_layers": 12, "num_attention_heads": 2, "hidden_act": "quick_gelu"}"#,
            "text_encoder/config.json")
        try write(
            #"{"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}"#,
            "scheduler/scheduler_config.json")
        try writeTokenizer()
        try write(
            renamed("model.diffusion_model.", unet.diffusers), "unet/diffusion_pytorch_model.fp16.safetensors")
        try write(
            renamed("first_stage_model.", autoencoder.diffusers), "vae/diffusion_pytorch_model.safetensors")
        try write(renamed("cond_stage_model.transformer.") { $0 }, "text_encoder/model.safetensors")
    }

    /// Returns the tensors behind a prefix under other names.
    package func renamed(_ prefix: String, _ rename: (String) -> String?) -> [NamedTensor] {
        tensors.compactMap { tensor in
            guard tensor.name.hasPrefix(prefix), let name = rename(String(tensor.name.dropFirst(prefix.count))) else {
                return nil
            }
            var tensor = tensor
            tensor.name = name
            return tensor
        }
    }

    package func write(_ tensors: [NamedTensor], _ name: String) throws {
        try write(Safetensors.serialize(metadata: [:], tensors: tensors), name)
    }

    package func write(_ text: String, _ name: String) throws { try write(Array(text.utf8), name) }

    private func write(_ bytes: [UInt8], _ name: String) throws {
        let folder = URL(fileURLWithPath: files.file(name)).deletingLastPathComponent()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try files.write(bytes, to: name)
    }

    package func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: files.file(name)) }

    /// Writes a vocabulary of single bytes.
    private func writeTokenizer() throws {
        let printable = Array(33...126) + Array(161...172) + Array(174...255)
        let others = (0...255).filter { !printable.contains($0) }
        let scalars = printable + others.indices.map { 256 + $0 }
        let symbols = scalars.compactMap { Unicode.Scalar(UInt32($0)).map { String($0) } }
        let names = symbols + symbols.map { $0 + "</w>" } + ["<|startoftext|>", "<|endoftext|>"]
        let members = names.enumerated().map { JSONValue.Member($1, .integer($0)) }
        try write(JSONValue.object(members).text, "tokenizer/vocab.json")
        try write("#version: 0.2\n", "tokenizer/merges.txt")
        try write(#"{"pad_token": "!"}"#, "tokenizer/special_tokens_map.json")
    }
}
