import TestSupport
import Testing

/// Files of other kinds stand where the programs read weights, pictures, lists and streams. Every reader says what the file is.
struct OtherFilesTests {
    private static let page = "<!DOCTYPE html><html><body>Sign in</body></html>"
    private static let gaussian = "--model=gaussian:shape=4"

    /// Every place where a file is named, and what is wanted there.
    private static let readers: [(words: [String], wanted: String)] = [
        (["ld3-teacher", "--model=FILE"], "a checkpoint"),
        (["ld3-teacher", "--describe", "--model=FILE"], "a checkpoint"),
        (["ld3-teacher", "--model=gmm:FILE"], "a safetensors file"),
        (["ld3-teacher", "--model=points:FILE"], "a safetensors file"),
        (["ld3-teacher", gaussian, "--process=vp-discrete:FILE"], "a list of alphas_cumprod"),
        (["ld3-sample", gaussian, "--schedule=FILE"], "a list of numbers"),
        (["ld3-noise", "-n1", "--from=FILE"], "a .npy array"),
        (["ld3-fit", "--start=FILE"], "a list of numbers"),
        (["ld3-fid", "--features=FILE", "--reference=mnist"], "a checkpoint"),
        (["ld3-fid", "FILE"], "a set of samples"),
        (["ld3-fid", "--reference=FILE"], "a set of samples"),
    ]

    private func refusal(_ words: [String], _ path: String, status: Int32 = 65) throws -> String {
        let result = try Programs.run(
            words[0], words.dropFirst().map { $0.replacing("FILE", with: path) },
            input: noiseStream(count: 1, shape: [4]))
        #expect(result.output.isEmpty && result.status == status, "\(result.errors)")
        return result.errors
    }

    @Test(arguments: readers) func aWebPageIsNamed(words: [String], wanted: String) throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(Array(Self.page.utf8), to: "file")
        #expect(try refusal(words, path).hasSuffix("\(path): is a web page, not \(wanted); download the file itself\n"))
    }

    /// No program waits for a pipe to which nobody writes.
    @Test(.timeLimit(.minutes(2)), arguments: readers.map(\.words)) func aPipeIsNoFile(words: [String]) throws {
        let folder = try TemporaryFolder()
        let path = folder.file("pipe")
        #expect(try Programs.shell("mkfifo \(path)").status == 0)
        #expect(
            try refusal(words, path, status: 66).hasSuffix(
                "\(path): is a pipe, not a file; save what it carries as a file\n"))
    }

    @Test func standardInputIsNamed() throws {
        let result = try Programs.run("ld3-teacher", [Self.gaussian], input: Array(Self.page.utf8))
        #expect(
            result.errors
                == "ld3-teacher: standard input: is a web page, not a tensor stream; download the file itself\n")
        #expect(result.status == 65)
    }

    /// Archives are known by their bytes, whatever they are called, and names that promise one by their suffix.
    @Test func archives() throws {
        let folder = try TemporaryFolder()
        let page = try folder.write(Array(Self.page.utf8), to: "PAGE.NPZ")
        #expect(
            try refusal(["ld3-fid", "FILE"], page).hasSuffix(
                "is a web page, not an .npz archive; download the file itself\n"))
        let pictures = try folder.write([0x50, 0x4b, 5, 6] + [UInt8](repeating: 0, count: 18), to: "data.zip")
        #expect(
            try refusal(["ld3-fid", "FILE"], pictures).hasSuffix(
                "is a zip archive, not an .npz archive; unpack it first\n"))
    }
}
