import Formats
import LatentModels
import ModelTestSupport
import Models
import Networks
import TensorStream
import Tensors
import TestSupport
import Testing

/// A stage of one's own encodes prompts: contexts stand in their place.
struct ContextStreamTests {
    private static let prompts = ["a red seven on a blue background", "a photo of a green 3"]
    private static let context = "condition.context"

    /// The frame that ld3-noise writes for the prompts, one sample for each.
    private let prompted: Frame

    init() throws {
        let words = Self.prompts.map { "--prompt '\($0)'" }.joined(separator: " ")
        prompted = try streamFrames(try Programs.shell("ld3-noise --model digits64 -n 2 \(words)").output)[0]
    }

    /// Returns the noise with `tensors`, and with the prompts only if `keepsPrompts`.
    private func noise(_ tensors: [NamedTensor], keepsPrompts: Bool = false) -> [UInt8] {
        var frame = prompted
        if !keepsPrompts {
            frame.metadata["ld3.prompts"] = nil
            frame.tensors.removeAll { $0.name == "prompt" }
        }
        frame.tensors += tensors
        return frame.image
    }

    private func sample(_ input: [UInt8]) throws -> Programs.Result {
        try Programs.run(
            "ld3-sample", ["--schedule=uniform", "--solver=ipndm", "--nfe=2", "--guidance=3", "--latents"],
            input: input)
    }

    /// Returns the contexts of texts, [B, tokens, width], as the tensor `name`.
    private func contexts(_ texts: [String], _ name: String) throws -> NamedTensor {
        let path = try ResourceLocator.standard.path(of: "digits64-sd.safetensors")
        let files = try #require(try LatentModelFiles.open(path))
        let architecture = try #require(files.configuration.text)
        let encoder = try TextEncoder(weights: files.weights, architecture: architecture, pool: ThreadPool(threads: 1))
        let tokenizer = try files.tokenizer()
        return NamedTensor(
            name: name,
            tensor: try encoder.encode(texts.map { tokenizer.tokens($0, length: architecture.positions).numbers }))
    }

    @Test func contextsTakeThePlaceOfPrompts() throws {
        let given = [
            try contexts(Self.prompts, Self.context), try contexts(["", ""], Self.context + "_null"),
        ]
        let own = try sample(noise(given))
        #expect(own.status == 0 && !own.errors.contains("warning"), "\(own.errors)")
        let usual = try sample(prompted.image)
        #expect(try streamRows(own.output, of: "latent") == streamRows(usual.output, of: "latent"))
        // They travel on.
        #expect(try streamFrames(own.output)[0].tensor(Self.context) == given[0])
    }

    @Test func withoutTheOtherSideGuidanceChangesNothing() throws {
        let result = try sample(noise([try contexts(Self.prompts, Self.context)]))
        #expect(result.status == 0)
        #expect(result.errors.contains("carry no tensor `condition.context_null`: guidance changes nothing"))
    }

    @Test func contextsThatContradictThemselves() throws {
        func expect(_ input: [UInt8], _ words: String..., sourceLocation: SourceLocation = #_sourceLocation) throws {
            let result = try sample(input)
            #expect(result.status == 65 && result.output.isEmpty, "\(result.errors)", sourceLocation: sourceLocation)
            // The first line tells the schedule.
            #expect(result.errors.split(separator: "\n").count == 2, "\(result.errors)", sourceLocation: sourceLocation)
            for word in words {
                #expect(result.errors.contains(word), "\(result.errors)", sourceLocation: sourceLocation)
            }
        }
        let (context, null) = (
            try contexts(Self.prompts, Self.context), try contexts(["", ""], Self.context + "_null")
        )
        try expect(noise([context, null], keepsPrompts: true), "`condition.context` and `prompt`", "only one")
        try expect(noise([null]), "`condition.context_null` without `condition.context`")
        let narrow = NamedTensor(name: Self.context, shape: [2, 77, 3], floats: [Float](repeating: 0, count: 462))
        try expect(noise([narrow]), "[77, 3]")
        try expect(noise([narrow, null]), "`condition.context_null`", "[2, 77, 3]")
    }

    /// One part of several is told by its seeds.
    @Test func aPartWithoutPromptsIsTold() throws {
        let parts = """
            ld3-noise --model digits64 --seeds 0-1 --prompt 'a red seven'
            ld3-noise --model digits64 --seeds 40-41
            ld3-noise --model digits64 --seeds 50-51
            """
        let result = try Programs.shell(
            "(\(parts)) | ld3-sample --schedule uniform --solver ddim --nfe 1 --guidance 3 --latents")
        let warnings = result.errors.split(separator: "\n").filter { $0.contains("warning") }
        #expect(result.status == 0 && warnings.count == 1 && warnings[0].contains("from seed 40 on carry no prompts"))
    }
}
