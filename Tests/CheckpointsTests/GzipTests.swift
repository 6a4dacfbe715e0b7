import Checkpoints
import Diagnostics
import Testing

@Suite struct GzipTests {
    /// The text "hello, hello, hello\n" with a name in the header, made with gzip.
    private static let file: [UInt8] = [
        0x1f, 0x8b, 0x08, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x67, 0x72, 0x65, 0x65, 0x74, 0x69, 0x6e, 0x67,
        0x00, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0xd7, 0x51, 0xc8, 0x40, 0xa2, 0xb8, 0x00, 0xe7, 0x42, 0x6e, 0x52, 0x14,
        0x00, 0x00, 0x00,
    ]

    @Test func contents() throws {
        #expect(
            String(decoding: try ByteRegion(Self.file).gunzipped(limit: 100), as: UTF8.self) == "hello, hello, hello\n")
    }

    @Test func corruptFiles() {
        let file = Self.file
        #expect(throws: Failure(.data, "is not a gzip file")) { try ByteRegion([1, 2, 3]).gunzipped(limit: 100) }
        #expect(throws: Failure.self) { try ByteRegion(file).gunzipped(limit: 10) }
        for place in [12, file.count - 12, file.count - 6, file.count - 2] {
            var broken = file
            broken[place] ^= 1
            if place == 12 { broken.removeLast(9) }
            #expect(throws: Failure.self) { try ByteRegion(broken).gunzipped(limit: 100) }
        }
    }
}
