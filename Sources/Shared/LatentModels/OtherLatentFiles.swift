import Diagnostics
import Formats

/// Files that users take for latent diffusion models, and that are none which is read here.
enum OtherLatentFiles {
    /// Texts in the names of tensors, and the kind of file that has them.
    private static let marks: KeyValuePairs<String, String> = [
        "conditioner.embedders.": "Stable Diffusion XL, which is not read",
        "add_embedding.": "Stable Diffusion XL, which is not read",
        "joint_blocks.": "Stable Diffusion 3, which is not read",
        "double_blocks.": "Flux, which is not read",
        "control_model.": "a ControlNet, which is not read",
        "input_hint_block.": "a ControlNet, which is not read",
        "controlnet_": "a ControlNet, which is not read",
        "lora_": "a LoRA, changes of another model's weights, which is not read",
        ".lora.": "a LoRA, changes of another model's weights, which is not read",
        ".quant_state.": "a model with quantized weights, which are not read",
        ".absmax": "a model with quantized weights, which are not read",
    ]

    /// Texts in the names of diffusers' pipelines, and the kind of model that has them.
    private static let pipelines: KeyValuePairs<String, String> = [
        "StableDiffusionXL": "Stable Diffusion XL, which is not read",
        "StableDiffusion3": "Stable Diffusion 3, which is not read",
        "Flux": "Flux, which is not read",
        "ControlNet": "a ControlNet, which is not read",
        "Inpaint": "an inpainting model, which is not read",
    ]

    /// Returns the kind of model of a pipeline; nil if it is not known.
    static func kind(ofPipeline name: String) -> String? {
        pipelines.first { name.contains($0.key) }?.value
    }

    /// Throws `data`, naming a tensor, if the weights are of such a kind.
    static func refuse(_ weights: any WeightSource) throws {
        for name in weights.tensorNames {
            if let kind = marks.first(where: { name.contains($0.key) })?.value {
                throw Failure(.data, "is \(kind) (it has the tensor `\(name)`)")
            }
        }
    }

    /// Throws `data` if the weights are of a part of a latent diffusion model and not of its U-Net.
    static func refuseParts(_ weights: any WeightSource) throws {
        let parts: [(ModelPart, Bool)] = [
            (.decoder, TensorNames.decoder(in: weights) != nil),
            (.textEncoder, TensorNames.textEncoder(in: weights) != nil),
        ]
        let held = parts.filter(\.1).map(\.0)
        guard let first = held.first else { return }
        throw Failure(
            .data,
            "holds the \(held.map(\.words).joined(separator: " and the ")) of a latent diffusion model, and no U-Net",
            suggestion: "give it with <\(first.setting)> beside the <model> of the U-Net")
    }

    /// Throws `data` if the U-Net behind `prefix` reads more than latents, or if its weights are not of a floating type.
    static func refuseUNet(_ weights: any WeightSource, prefix: String) throws {
        if let tensor = weights.unread.first(where: { $0.name.hasPrefix(prefix) }) {
            throw Failure(.data, place: tensor.name, "is of type \(tensor.type), which is not read")
        }
        let integers = weights.tensorNames.first { name in
            name.hasPrefix(prefix) && weights.type(of: name)?.isFloat == false
        }
        if let integers, let type = weights.type(of: integers) {
            throw Failure(.data, place: integers, "is of type \(type.rawValue): quantized weights are not read")
        }
        if weights.shape(of: prefix + "label_emb.0.0.weight") != nil {
            throw Failure(.data, place: prefix + "label_emb.0.0.weight", "a network with this tensor is not read")
        }
        guard let inputs = weights.shape(of: prefix + "input_blocks.0.0.weight"), inputs.count == 4,
            let outputs = weights.shape(of: prefix + "out.2.weight"), inputs[1] != outputs[0]
        else { return }
        let kind = [9: "an inpainting model", 5: "a model told the depth", 8: "a model told a picture"][inputs[1]]
        throw Failure(
            .data, place: prefix + "input_blocks.0.0.weight",
            "reads \(inputs[1]) channels and gives \(outputs[0]): \(kind ?? "it is told more than latents"), which is not read"
        )
    }
}
