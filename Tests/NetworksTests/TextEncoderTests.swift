import Diagnostics
import Formats
import Networks
import Tensors
import TestSupport
import Testing

/// CLIP's text encoder against values of transformers, openai/CLIP and OpenCLIP in double precision.
@Suite struct TextEncoderTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var file: String
        var recorded: String
        var isExact: Bool
        var testDescription: String { file }
    }

    static let cases = [
        Case(file: "openai.hf", recorded: "openai", isExact: false),
        Case(file: "openai.fused", recorded: "openai", isExact: false),
        Case(file: "openclip.hf", recorded: "openclip", isExact: true),
        Case(file: "openclip.fused", recorded: "openclip", isExact: true),
    ]

    @Test(arguments: cases) func bothNamings(_ fixture: Case) throws {
        let weights = try SafetensorsFile(path: Fixtures.path("latent/\(fixture.file).safetensors"))
        let recorded = try SafetensorsFile(path: Fixtures.path("latent/\(fixture.recorded).io.safetensors"))
        var architecture = try #require(TextEncoderArchitecture(weights: weights))
        #expect(architecture.width == 16 && architecture.layers == 4 && architecture.positions == 77)
        architecture.heads = 2
        architecture.activation = fixture.isExact ? .exact : .logistic
        let texts = try texts(recorded)
        for (skipped, name) in [(0, "last_hidden_state"), (1, "penultimate")] {
            architecture.skippedLayers = skipped
            let encoder = try TextEncoder(weights: weights, architecture: architecture, pool: ThreadPool(threads: 2))
            let error = relativeError(doubles(try encoder.encode(texts)), try recorded.tensor(name).doubles())
            #expect(error < 2e-6, "\(fixture.file) \(name): \(error)")
            // A text's vectors do not change with the texts beside it.
            #expect(try encoder.encode([texts[1]]) == encoder.encode(texts).samples(1..<2))
        }
    }

    @Test func stableDiffusion() throws {
        let sd = try LatentFixture("sd")
        var architecture = try #require(TextEncoderArchitecture(weights: sd.weights))
        #expect(architecture.prefix == "cond_stage_model.transformer.text_model." && architecture.layers == 12)
        architecture.heads = 2
        let encoder = try TextEncoder(weights: sd.weights, architecture: architecture, pool: ThreadPool(threads: 2))
        let error = relativeError(
            doubles(try encoder.encode(try texts(sd.recorded))), try sd.numbers("embedding"))
        #expect(error < 2e-6)
    }

    @Test func tokensBeyondTheVocabulary() throws {
        let weights = try SafetensorsFile(path: Fixtures.path("latent/openai.hf.safetensors"))
        let architecture = try #require(TextEncoderArchitecture(weights: weights))
        let encoder = try TextEncoder(weights: weights, architecture: architecture, pool: ThreadPool(threads: 1))
        #expect(encoder.vocabularyCount == 714)
        #expect(throws: Failure.self) { try encoder.encode([[Int](repeating: 714, count: 77)]) }
        #expect(throws: Failure.self) { try encoder.encode([[1, 2, 3]]) }
    }

    /// A layer that lacks its first norm is not taken for the end of the encoder.
    @Test(arguments: [("hf", "layers.1.layer_norm1.weight"), ("fused", "resblocks.1.ln_1.weight")])
    func aTensorIsMissing(naming: String, name: String) throws {
        let weights = try SafetensorsFile(path: Fixtures.path("latent/openai.\(naming).safetensors"))
            .renamed { $0.hasSuffix(name) ? nil : $0 }
        let architecture = try #require(TextEncoderArchitecture(weights: weights))
        #expect(architecture.layers == 4)
        #expect(throws: Failure.self) {
            try TextEncoder(weights: weights, architecture: architecture, pool: ThreadPool(threads: 1))
        }
    }

    /// Only numbers from 0 on are layers.
    @Test func layersWithoutANumberDoNotCount() throws {
        let weights = try SafetensorsFile(path: Fixtures.path("latent/openai.hf.safetensors"))
            .renamed { $0.replacing("encoder.layers.", with: "encoder.layers.-1") }
        #expect(try #require(TextEncoderArchitecture(weights: weights)).layers == 0)
    }

    @Test func aFileWithoutTextEncoder() throws {
        #expect(TextEncoderArchitecture(weights: try LatentFixture("lsun").weights) == nil)
    }

    private func texts(_ file: SafetensorsFile) throws -> [[Int]] {
        let numbers = try file.tensor("input_ids").int64s().map { Int($0) }
        return stride(from: 0, to: numbers.count, by: 77).map { Array(numbers[$0..<$0 + 77]) }
    }
}
