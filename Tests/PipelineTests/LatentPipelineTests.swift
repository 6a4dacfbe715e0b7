import Formats
import Foundation
import TensorStream
import TestSupport
import Testing

/// The embedded latent diffusion model through real pipes, from a prompt to a picture.
struct LatentPipelineTests {
    private static let noise = "ld3-noise --model digits64"
    private static let prompts = "--prompt 'a red seven on a blue background' --prompt 'a green 3'"
    private static let few = "--schedule uniform --solver ipndm --nfe 2 --guidance 3 -q"

    @Test func aPromptBecomesAPicture() throws {
        let folder = try TemporaryFolder()
        let result = try Programs.shell(
            "\(Self.noise) \(Self.prompts) -n 2 | ld3-sample \(Self.few) --grid '\(folder.path)/two.png'")
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
        let bytes = try #require(FileManager.default.contents(atPath: "\(folder.path)/two.png"))
        #expect(bytes.starts(with: [0x89, 0x50, 0x4e, 0x47]))
    }

    @Test func noiseCarriesPromptsAndItsModel() throws {
        let folder = try TemporaryFolder()
        let list = try folder.write(
            [UInt8](#"{"annotations": [{"caption": "one"}, {"caption": "two"}, {"caption": "one"}]}"#.utf8),
            to: "coco.json")
        let lines = try folder.write([UInt8]("one\n\ntwo\none\n".utf8), to: "prompts.txt")
        for path in [list, lines] {
            let result = try Programs.shell("\(Self.noise) --prompts '\(path)' --negative-prompt dull --seeds 3-7")
            let frame = try streamFrames(result.output)[0]
            #expect(try frame.tensor("prompt").int64s() == [0, 1, 0, 0, 1])
            #expect(frame.metadata["ld3.prompts"] == #"["one","two"]"#)
            #expect(frame.metadata["ld3.negative_prompt"] == "dull" && frame.metadata["ld3.model"] == "digits64")
            #expect(try frame.tensor("noise").shape == [5, 4, 8, 8])
        }
    }

    /// Pairs stay in the latent; samples and their targets are decoded, unless latents are asked for.
    @Test func samplesAreDecoded() throws {
        let pairs = "\(Self.noise) \(Self.prompts) -n 3 | ld3-teacher --schedule uniform --nfe 2 --guidance 3 -q"
        let pair = try streamFrames(try Programs.shell(pairs).output)[0]
        #expect(try pair.tensor("target").shape == [3, 4, 8, 8] && pair.tensor("prompt").int64s() == [0, 1, 0])
        let samples = try streamFrames(
            try Programs.shell("\(pairs) | ld3-sample --schedule uniform --nfe 2 -q").output)[0]
        #expect(
            try samples.tensor("image").shape == [3, 3, 64, 64] && samples.tensor("target").shape == [3, 3, 64, 64])
        #expect(samples.metadata["ld3.guidance"] == "3.0" && samples.metadata["ld3.decoded"] == nil)
        let latents = "\(pairs) | ld3-sample --schedule uniform --nfe 2 -q --latents"
        let latent = try streamFrames(try Programs.shell(latents).output)[0]
        #expect(try latent.tensor("latent").shape == [3, 4, 8, 8] && latent["image"] == nil)
        #expect(latent.metadata["ld3.decoded"] == "false")
        let refused = try Programs.shell("\(latents) | ld3-fid --features digits64")
        #expect(refused.status == 65 && refused.errors.contains("carries latents, not pictures"), "\(refused.errors)")
    }

    /// Parts with other prompts, shards and batches change no sample.
    @Test func samplesDependOnTheirSeedAndPromptAlone() throws {
        let sample = "ld3-sample \(Self.few) --latents"
        let whole = try streamRows(
            try Programs.shell("\(Self.noise) \(Self.prompts) -n 5 | \(sample)").output, of: "latent")
        #expect(whole.count == 5)
        let batches = try Programs.shell("\(Self.noise) \(Self.prompts) -n 5 | \(sample) --batch 2 --threads 1").output
        #expect(try streamRows(batches, of: "latent") == whole)
        let shards = "for i in 0 1; do \(Self.noise) \(Self.prompts) -n 5 --shard $i/2; done"
        #expect(try streamRows(try Programs.shell("(\(shards)) | \(sample)").output, of: "latent") == whole)
        let parts = """
            (\(Self.noise) --prompt 'a red seven on a blue background' --seeds 0,2,4
            \(Self.noise) --prompt 'a green 3' --seeds 1,3)
            """
        #expect(try streamRows(try Programs.shell("\(parts) | \(sample)").output, of: "latent") == whole)
    }

    @Test func aLongPromptIsCutAloud() throws {
        let long = Array(repeating: "red", count: 75).joined(separator: " ") + " on a sea of blue"
        let result = try Programs.shell(
            "\(Self.noise) --prompt '\(long)' -n 1 | ld3-sample --schedule uniform --nfe 1 --latents")
        let warnings = result.errors.split(separator: "\n").filter { $0.contains("warning") }
        #expect(result.status == 0 && warnings.count == 1, "\(result.errors)")
        #expect(warnings[0].contains("`on a sea of blue` is cut off"), "\(result.errors)")
    }

    /// The first cut prompt is quoted in part, whatever its length; the number of the others follows. A prompt that no sample
    /// has is not looked at.
    @Test func manyLongPromptsAreTwoLines() throws {
        let long = Array(repeating: "red", count: 400).joined(separator: " ")
        let prompts = ["one", "two", "three", "four"].map { "--prompt '\(long) \($0)'" }.joined(separator: " ")
        let result = try Programs.shell(
            "\(Self.noise) \(prompts) -n 3 | ld3-sample --schedule uniform --solver ddim --nfe 1 --latents --batch 1")
        let warnings = result.errors.split(separator: "\n").filter { $0.contains("warning") }
        #expect(result.status == 0 && warnings.count == 2, "\(result.errors)")
        #expect(warnings[0].utf8.count < 250 && warnings[0].contains("...` is cut off"), "\(warnings)")
        #expect(warnings[1].hasSuffix("2 other prompts cut off too"), "\(warnings)")
    }

    @Test func badConditionsAreRefused() throws {
        func expect(
            _ command: String, _ status: Int32, _ words: String..., sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            let result = try Programs.shell(command)
            #expect(result.status == status, "\(result.errors)", sourceLocation: sourceLocation)
            for word in words {
                #expect(result.errors.contains(word), "\(result.errors)", sourceLocation: sourceLocation)
            }
            #expect(result.output.isEmpty, sourceLocation: sourceLocation)
        }
        let teacher = "ld3-teacher -q --schedule uniform --nfe 2"
        try expect(
            "ld3-noise -n 1 --shape 1,32,32 --prompt x | \(teacher) --model mnist32", 65,
            "prompts, which the model cannot")
        try expect("ld3-noise -n 1 --prompt x", 64, "--prompt", "mnist32 reads no prompts")
        try expect("\(Self.noise) -n 1 --negative-prompt x", 64, "--negative-prompt", "no prompts")
        try expect("\(Self.noise) -n 1 --prompts nowhere.txt", 66, "nowhere.txt")
        let long = "\(Self.noise) -n 1 --prompt $(yes abc | head -n 6000 | tr -d '\\n')"
        try expect("\(long) | \(teacher) --model digits64", 65, "has 18000 bytes")
        let folder = try TemporaryFolder()
        let blank = try folder.write([UInt8]("\n \n".utf8), to: "blank.txt")
        try expect("\(Self.noise) -n 1 --prompts '\(blank)'", 65, "holds no prompts")
        try expect(
            "ld3-noise -n 3 --shape 4,8,8 --labels balanced --classes 5 | \(teacher) --model digits64", 65,
            "label 0 of seed 0",
            "has no classes")
        try expect("ld3-noise -n 1 --shape 4,8,10 | \(teacher) --model digits64", 65, "[4, 8, 10]", "[4, 8, 8]")
        try expect("\(Self.noise) -n 1 | \(teacher) --process vp-linear", 64, "vp-discrete:sd")
        try expect("ld3-noise -n 1 | ld3-sample --schedule edm --nfe 2 --latents", 64, "--latents", "has no latents")
    }
}
