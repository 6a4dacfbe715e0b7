import Diagnostics
import Formats
import Foundation
import Testing

/// The example vectors of FIPS 180-4 and NIST, and the digest of model files.
struct SHA256Tests {
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func vectors(text: String, digest: String) {
        var hash = SHA256()
        hash.update(Array(text.utf8))
        #expect(hash.finish() == digest)
    }

    @Test func aMillionLettersInUnevenPieces() {
        var hash = SHA256()
        var left = 1_000_000
        for size in sequence(first: 1, next: { $0 * 3 % 7919 + 1 }) where left > 0 {
            hash.update([UInt8](repeating: 0x61, count: min(size, left)))
            left -= min(size, left)
            if left == 0 { break }
        }
        #expect(hash.finish() == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    /// In a file of more than 2 MiB only the length, the first MiB and the last MiB count.
    @Test func digestOfALargeFileIgnoresItsMiddleOnly() throws {
        let path = NSTemporaryDirectory() + "digest-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let mebibyte = 1 << 20
        var bytes = [UInt8](repeating: 7, count: 3 * mebibyte)
        func digest() throws -> String {
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            return try modelDigest(ofFile: path)
        }
        let original = try digest()
        var expected = SHA256()
        expected.update([0, 0, 0x30, 0, 0, 0, 0, 0])
        expected.update([UInt8](repeating: 7, count: 2 * mebibyte))
        #expect(original == expected.finish())
        bytes[mebibyte + 5] = 1
        #expect(try digest() == original)
        bytes[mebibyte - 1] = 1
        #expect(try digest() != original)
    }

    /// A file of more than 16 MiB is told by blocks of its middle too, if both digests are of such blocks.
    @Test func digestOfALargerFileSeesItsMiddle() throws {
        let path = NSTemporaryDirectory() + "digest-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let mebibyte = 1 << 20
        var bytes = [UInt8](repeating: 7, count: 17 * mebibyte)
        func digest() throws -> String {
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            return try modelDigest(ofFile: path)
        }
        let original = try digest()
        let parts = original.split(separator: "-").map(String.init)
        var expected = SHA256()
        expected.update([UInt8](repeating: 7, count: 15 * 4096))
        #expect(parts.map(\.count) == [64, 64] && parts[1] == expected.finish())
        bytes[5 * mebibyte + 4096] = 1
        #expect(try digest() == original)
        bytes[5 * mebibyte + 4095] = 1
        let changed = try digest()
        #expect(changed.hasPrefix("\(parts[0])-") && changed != original)
        #expect(isOneModel(parts[0], original) && isOneModel(original, parts[0]))
        #expect(!isOneModel(changed, original) && !isOneModel(parts[1], original) && !isOneModel(nil, original))
        for digest in ["", "-", "-\(parts[1])", "\(parts[0])-"] {
            #expect(!isOneModel(digest, original) && !isOneModel(original, digest), "\(digest)")
        }
    }

    /// The digest of a folder has a second part if that of a file in it has one.
    @Test func digestOfAFolderWithALargeFile() throws {
        let folder = URL(fileURLWithPath: NSTemporaryDirectory() + "digest-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data([1, 2, 3]).write(to: folder.appendingPathComponent("a"))
        try Data().write(to: folder.appendingPathComponent("b"))
        let large = try FileHandle(forUpdating: folder.appendingPathComponent("b"))
        try large.truncate(atOffset: 17 << 20)
        func digest() throws -> [Substring] {
            try modelDigest(ofFiles: ["b", "a"], in: folder.path).split(separator: "-")
        }
        /// Returns the SHA-256 of the names and the first parts, so many of each file.
        func expected(_ count: Int) throws -> Substring {
            var hash = SHA256()
            for name in ["a", "b"] {
                let parts = try modelDigest(ofFile: "\(folder.path)/\(name)").split(separator: "-").prefix(count)
                hash.update(Array(name.utf8) + [0])
                for part in parts {
                    let digits = Array(part)
                    hash.update(
                        try (0..<32).map { try #require(UInt8(String(digits[2 * $0...2 * $0 + 1]), radix: 16)) })
                }
            }
            return hash.finish()[...]
        }
        let original = try digest()
        #expect(try original == [expected(1), expected(2)])
        try large.seek(toOffset: 5 << 20)
        try large.write(contentsOf: [1])
        let changed = try digest()
        #expect(changed.count == 2 && changed[0] == original[0] && changed[1] != original[1])
        // A folder of small files has one part.
        try large.truncate(atOffset: 1 << 20)
        #expect(try digest() == [expected(1)])
    }

    @Test func digestOfNoFile() {
        #expect(throws: Failure.self) { try modelDigest(ofFile: "/nonexistent/file") }
        #expect(throws: Failure(.noInput, place: "/dev/null", "is a device, not a file")) {
            try modelDigest(ofFile: "/dev/null")
        }
    }
}
