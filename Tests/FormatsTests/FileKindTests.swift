import Diagnostics
import Formats
import Testing

struct FileKindTests {
    private static func padded(_ bytes: [UInt8]) -> [UInt8] { bytes + [UInt8](repeating: 0xb7, count: 600) }
    private static func padded(_ text: String) -> [UInt8] { padded(Array(text.utf8)) }
    private static func zip(_ member: String) -> [UInt8] {
        padded(
            Array("PK\u{3}\u{4}".utf8) + [UInt8](repeating: 0, count: 22) + [UInt8(member.utf8.count), 0, 0, 0]
                + Array(member.utf8))
    }

    @Test(
        arguments: [
            ([], FileKind.empty),
            (Array("version https://git-lfs.github.com/spec/v1\noid sha256:12\n".utf8), .gitLFSPointer),
            (Array("/annex/objects/SHA256E-s5--12".utf8), .gitAnnexPointer),
            (Array("<!DOCTYPE html><html>".utf8), .webPage), (Array("\u{feff}\n  <HTML lang=en>".utf8), .webPage),
            (Array("<?xml version=\"1.0\"?><!DOCTYPE html PUBLIC \"-//W3C\"><html>".utf8), .webPage),
            (Array("<?xml version=\"1.0\"?><Error><Code>AccessDenied".utf8), .xml),
            (Array("<?xml version=\"1.0\"?><svg width=\"5\">".utf8), .svg),
            (Array("Entry not found".utf8), .serverError), (Array("Not Found".utf8), .serverError),
            (Array("{\"error\":\"Repository not found\"}".utf8), .serverError),
            ([UInt8](repeating: 0, count: 4096), .zeros),
            (zip("a/0.png"), .zip), (zip("mu.npy"), .npz), (zip("archive/data.pkl"), .torch),
            (padded("PK\u{5}\u{6}"), .zip), (padded([0x1f, 0x8b, 8]), .gzip), (padded("BZh9"), .bzip2),
            (padded([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), .xz), (padded([0x28, 0xb5, 0x2f, 0xfd]), .zstandard),
            (padded([0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c]), .sevenZip), (padded("Rar!\u{1a}\u{7}\u{1}"), .rar),
            (Array("0.png".utf8) + [UInt8](repeating: 0, count: 252) + Array("ustar\u{0}00".utf8), .tar),
            (padded([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), .png),
            (padded([0xff, 0xd8, 0xff, 0xe0]), .jpeg),
            (padded("GIF89a"), .gif), (padded("RIFF\u{1}\u{2}\u{3}\u{4}WEBPVP8 "), .webP),
            (padded([0x49, 0x49, 0x2a, 0]), .tiff), (padded([0x42, 0x4d, 1, 2, 3, 4, 0, 0, 0, 0]), .bmp),
            (padded([0, 0, 0, 0x1c] + Array("ftypavif".utf8)), .avif),
            (padded([0, 0, 0, 0x1c] + Array("ftypisom".utf8)), .film),
            (padded([0x80, 4, 0x95]), .pickle), (padded("(dp0\n"), .pickle),
            (padded([0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9]), .torch),
            (padded([0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]), .hdf5), (padded("GGUF\u{3}"), .gguf),
            (padded([0x08, 0x08, 0x12, 0x07] + Array("pytorch".utf8)), .onnx),
            (padded([0x93] + Array("NUMPY\u{1}\u{0}".utf8)), .npy),
            (Safetensors.serialize(metadata: [:], tensors: []), .safetensors), (padded("%PDF-1.7"), .pdf),
            ([0xff, 0xfe, 0x38, 0, 0x30, 0], .utf16), ([0xff, 0xfe, 0, 0, 0x38, 0, 0, 0], .utf32),
            ([0x38, 0, 0x30, 0, 0x0a, 0], .utf16), ([0, 0x38, 0, 0x30], .utf16),
            (Array(" {\"times\": [1]}".utf8), .json), (Array("[80, 20, 5]".utf8), .json),
        ] as [([UInt8], FileKind)])
    func firstBytesTellTheKind(bytes: [UInt8], kind: FileKind) { #expect(FileKind(start: bytes) == kind) }

    @Test(arguments: [
        "80 20 5", "404, 401, 20", "\u{feff}80,20", "8", "- 1", "π \(String(repeating: "é", count: 400))",
    ])
    func listsAreText(text: String) { #expect(FileKind(start: Array(text.utf8)) == .text) }

    /// The 512 bytes may end within a character.
    @Test func aCutCharacterIsStillText() {
        #expect(FileKind(start: Array(("a" + String(repeating: "é", count: 300)).utf8)) == .text)
        #expect(FileKind(start: Array((String(repeating: "é", count: 300)).utf8)) == .text)
    }

    @Test(arguments: [[0x81, 0x02, 0x03, 0x04], [0x61, 0xff, 0xfe], [8, 0, 0, 0, 0, 0, 0, 0]] as [[UInt8]])
    func unknownBytesHaveNoKind(bytes: [UInt8]) { #expect(FileKind(start: bytes) == nil) }

    /// The length of a safetensors header may begin with the bytes of another kind: JPEG XL, a script, gzip,
    /// pickles, wide text, BMP.
    @Test(arguments: [0x0aff, 0x2123, 0x8b1f, 0x717d, 0x0280, 0xfeff, 0x4d42])
    func headersOfAnyLengthAreSafetensors(length: Int) throws {
        let header = "{\"__metadata__\":{\"a\":\"b\"}}".utf8
        let padding = [UInt8](repeating: 0x20, count: length - header.count)
        let image = (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + header + padding
        #expect(FileKind(start: image) == .safetensors)
        #expect(try Safetensors.parse(image).0 == ["a": "b"])
    }

    @Test func aRefusalNamesTheKindAndTheRemedy() throws {
        #expect(
            throws: Failure(
                .data, "is a Git LFS pointer, not a checkpoint", suggestion: "fetch the file with git lfs pull")
        ) {
            try FileKind.refuse(Array("version https://git-lfs".utf8), wanted: "a checkpoint", hint: "other")
        }
        #expect(throws: Failure(.data, "is a JPEG picture, not a PNG file", suggestion: "convert it")) {
            try FileKind.refuse([0xff, 0xd8, 0xff], wanted: "a PNG file", accepted: [.png], hint: "convert it")
        }
        #expect(throws: Failure(.data, "is empty")) {
            try FileKind.refuse([], wanted: "a PNG file", hint: "convert it")
        }
        try FileKind.refuse(Array("80 20".utf8), wanted: "a list", accepted: [.text])
        try FileKind.refuse([0x81, 0x02, 0x03, 0x04], wanted: "a list")
    }
}
