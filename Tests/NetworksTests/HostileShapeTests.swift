import Diagnostics
import Formats
import Networks
import TestSupport
import Testing

/// Files whose tensors have the right names and shapes that no layer has are refused, and end no program.
@Suite struct HostileShapeTests {
    /// The shapes of a file, some of which are changed.
    private struct Changed: WeightSource {
        let base: SafetensorsFile
        let shapes: [String: [Int]]
        var tensorNames: [String] { base.tensorNames }
        var configuration: String? { nil }
        func type(of name: String) -> DataType? { base.type(of: name) }
        func shape(of name: String) -> [Int]? { shapes[name] ?? base.shape(of: name) }
        func floats(_ name: String) throws -> [Float] { try base.floats(name) }
    }

    private func changed(_ name: String, _ shape: [Int]) throws -> Changed {
        let base = try SafetensorsFile(path: Fixtures.path("latent/lsun.safetensors"))
        #expect(base.shape(of: name) != nil, "\(name)")
        return Changed(base: base, shapes: [name: shape])
    }

    @Test(
        arguments: [
            ("input_blocks.0.0.weight", [4, 0, 3, 3]), ("input_blocks.0.0.weight", [4]),
            ("out.2.weight", [0, 4, 3, 3]),
            ("out.2.weight", []), ("input_blocks.1.0.in_layers.2.weight", [4]),
            ("input_blocks.1.0.emb_layers.1.weight", [4]), ("input_blocks.0.0.weight", [1, 3, 3, 3]),
        ] as [(String, [Int])])
    func unets(name: String, shape: [Int]) throws {
        let prefix = "model.diffusion_model."
        let weights = try changed(prefix + name, shape)
        let failure = #expect(throws: Failure.self) {
            try NetworkConfiguration(latentUNet: weights, prefix: prefix)
        }
        #expect(failure?.status == .data)
    }

    @Test(
        arguments: [
            ("post_quant_conv.weight", [0, 3, 1, 1]), ("post_quant_conv.weight", [3]),
            ("decoder.conv_out.weight", [0, 4, 3, 3]), ("decoder.up.0.block.0.conv1.weight", []),
            ("quantize.embedding.weight", []), ("quantize.embedding.weight", [0, 3]),
        ] as [(String, [Int])])
    func decoders(name: String, shape: [Int]) throws {
        let prefix = "first_stage_model."
        let weights = try changed(prefix + name, shape)
        let failure = #expect(throws: Failure.self) {
            try AutoencoderArchitecture(weights: weights, prefix: prefix)
        }
        #expect(failure?.status == .data)
    }
}
