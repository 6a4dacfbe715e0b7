import Formats
import TestSupport
import Testing

/// Prompts keep their bytes, from a command line or a file to the stream.
struct PromptFileTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func noise(_ words: [String]) throws -> Programs.Result {
        try Programs.run("ld3-noise", ["-n3", "--shape=4,8,8"] + words)
    }

    private func list(_ result: Programs.Result) throws -> [[UInt8]] {
        let text = try #require(try streamFrames(result.output).first?.metadata["ld3.prompts"], "\(result.errors)")
        return try #require(try JSONValue(parsing: text).elements).map { Array(($0.string ?? "").utf8) }
    }

    /// Unicode calls the two spellings of é equal; a network in another process may not.
    @Test func equivalentSpellingsAreTwoPrompts() throws {
        let (composed, decomposed) = ("caf\u{e9}", "cafe\u{301}")
        let result = try noise(["--prompt=\(composed)", "--prompt=\(decomposed)", "--prompt=\(composed)"])
        #expect(try list(result) == [Array(composed.utf8), Array(decomposed.utf8)])
        #expect(try streamFrames(result.output)[0].tensor("prompt").int64s() == [0, 1, 0])
    }

    /// A part of a long list of prompts takes no room for the others.
    @Test func aStreamHasThePromptsOfItsSeeds() throws {
        let path = try folder.write(Array("zero\none\ntwo\none\nfour\n".utf8), to: "lines.txt")
        let result = try Programs.run(
            "ld3-noise", ["--shape=4,8,8", "--prompts", path, "--seeds=3-9", "--shard=1/2"])
        #expect(try list(result).map { String(decoding: $0, as: UTF8.self) } == ["one", "two", "four"])
        #expect(try streamFrames(result.output)[0].tensor("prompt").int64s() == [0, 1, 0, 2])
    }

    @Test func aNegativePromptWithoutGuidanceIsTold() throws {
        let noise = "ld3-noise --model digits64 -n 2 --prompt 'a red 7' --negative-prompt blue"
        let sample = "ld3-sample --schedule uniform --solver ddim --nfe 1 --latents --batch 1"
        let result = try Programs.shell("\(noise) | \(sample)")
        let warnings = result.errors.split(separator: "\n").filter { $0.contains("warning") }
        #expect(
            result.status == 0
                && warnings == ["ld3-sample: warning: without guidance the negative prompt changes nothing"])
        #expect(try !Programs.shell("\(noise) | \(sample) --guidance 2").errors.contains("warning"))
    }

    @Test func theMarkOfTheByteOrderIsNoText() throws {
        let lines = try folder.write([0xef, 0xbb, 0xbf] + Array("one\r\ntwo\r\n".utf8), to: "lines.txt")
        let array = try folder.write([0xef, 0xbb, 0xbf] + Array(#"["one", "two"]"#.utf8), to: "array.json")
        for path in [lines, array] {
            #expect(try list(noise(["--prompts", path])) == [Array("one".utf8), Array("two".utf8)])
        }
    }

    @Test(arguments: [
        ("[a red seven] on blue\n", ["a bracket", "JSON array of strings"]),
        ("{a|b} seven\n", ["JSON array of strings"]), (#"{"prompts": ["one"]}"#, ["neither a JSON array of strings"]),
        ("one\0two", ["byte 4 is zero"]),
    ]) func aTextThatIsNoList(text: String, words: [String]) throws {
        let path = try folder.write(Array(text.utf8), to: "prompts.txt")
        let result = try noise(["--prompts", path])
        #expect(result.status == 65 && result.output.isEmpty, "\(result.errors)")
        #expect(result.errors.hasPrefix("ld3-noise: \(path): ") && result.errors.split(separator: "\n").count == 1)
        for word in words { #expect(result.errors.contains(word), "\(result.errors)") }
    }

    @Test func otherFilesAreNamed() throws {
        let latin = try folder.write([0x63, 0xe9, 0x0a], to: "latin.txt")
        #expect(try noise(["--prompts", latin]).errors.contains("is no text in UTF-8; save it as UTF-8"))
        let picture = try folder.write([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0], to: "a.txt")
        let result = try noise(["--prompts", picture])
        #expect(result.status == 65 && result.errors.contains("is a PNG picture, not text"), "\(result.errors)")
    }

    @Test func aCommandLineIsText() throws {
        let result = try Programs.shell(#"ld3-noise -n 1 --shape 4 --prompt "$(printf 'caf\351')""#)
        #expect(result.status == 64 && result.output.isEmpty, "\(result.errors)")
        #expect(result.errors.contains("argument 6 is no text in UTF-8"), "\(result.errors)")
    }
}
