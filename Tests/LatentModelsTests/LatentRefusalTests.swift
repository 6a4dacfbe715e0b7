import Diagnostics
import Formats
import LatentModels
import ModelTestSupport
import TestSupport
import Testing

/// Files of models that are not computed here are named as what they are.
@Suite struct LatentRefusalTests {
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
