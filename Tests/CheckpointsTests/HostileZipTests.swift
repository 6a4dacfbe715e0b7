import Checkpoints
import Diagnostics
import TestSupport
import Testing

/// Zip archives that were made to do harm.
@Suite struct HostileZipTests {
    private func archive(_ members: [(String, [UInt8])] = [("a.npy", [1, 2, 3]), ("b.npy", [4, 5])]) throws -> [UInt8] {
        var writer = ZipWriter()
        for (name, bytes) in members { try writer.add(name, bytes) }
        return writer.finished()
    }

    private func refusal(_ bytes: [UInt8]) -> Failure? {
        let failure = #expect(throws: Failure.self) {
            let archive = try ZipArchive(ByteRegion(bytes))
            for member in archive.members { _ = try archive.contents(of: member) }
        }
        #expect(failure?.status == .data)
        return failure
    }

    /// Returns the archive with `bytes` put at `offset` of the first directory record.
    private func patched(_ archive: [UInt8], record offset: Int, _ bytes: [UInt8]) throws -> [UInt8] {
        var result = archive
        let start = try #require(archive.indices.first { archive[$0...].starts(with: [0x50, 0x4b, 1, 2]) })
        result.replaceSubrange(start + offset..<start + offset + bytes.count, with: bytes)
        return result
    }

    @Test func everyTruncationIsRefused() throws {
        let whole = try archive()
        for length in whole.indices { _ = refusal(Array(whole.prefix(length))) }
    }

    @Test func everyDamagedByteIsRefusedOrHarmless() throws {
        let whole = try archive()
        for index in whole.indices {
            for value in [0, 0x7f, 0xff] as [UInt8] {
                var damaged = whole
                damaged[index] = value
                if let archive = try? ZipArchive(ByteRegion(damaged)) {
                    for member in archive.members { _ = try? archive.contents(of: member) }
                }
            }
        }
    }

    @Test func damagedDataFailsItsChecksum() throws {
        var bytes = try archive()
        let start = try #require(bytes.indices.first { bytes[$0...].starts(with: [1, 2, 3]) })
        bytes[start] = 9
        #expect(refusal(bytes)?.message == "the CRC-32 does not match: corrupt")
    }

    @Test(arguments: ["../evil.npy", "/etc/passwd", "a/../../b", "a\\b", "a\u{0}b", "..", ""])
    func impossibleNamesAreRefused(name: String) throws {
        #expect(refusal(try archive([(name, [1])]))?.message.contains("impossible name") == true)
    }

    @Test func overlappingMembersAreRefused() throws {
        // The second record points at the first member's header.
        let bytes = try archive([("a", [1, 2, 3]), ("b", [1, 2, 3])])
        var damaged = bytes
        let records = bytes.indices.filter { bytes[$0...].starts(with: [0x50, 0x4b, 1, 2]) }
        damaged.replaceSubrange(records[1] + 42..<records[1] + 46, with: [0, 0, 0, 0])
        #expect(refusal(damaged)?.message.contains("contradicts the zip directory") == true)
        // The data of the first member covers the header of the next.
        let widened = try patched(bytes, record: 20, [36, 0, 0, 0, 36, 0, 0, 0])
        #expect(refusal(widened)?.message.contains("overlaps") == true)
    }

    @Test func encryptedAndForeignMethodsAreRefused() throws {
        #expect(refusal(try patched(archive(), record: 8, [1, 8]))?.message == "is encrypted")
        #expect(refusal(try patched(archive(), record: 10, [12, 0]))?.message.contains("method 12") == true)
    }

    @Test func sizesThatLieAreRefused() throws {
        #expect(
            refusal(try patched(archive(), record: 24, [9, 0, 0, 0]))?.message.contains("stored but claims") == true)
        let huge = try patched(archive(), record: 20, [0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xfe])
        #expect(refusal(huge)?.message.contains("claims more bytes than the archive has") == true)
        let wide = try patched(archive(), record: 20, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
        #expect(refusal(wide)?.message == "needs ZIP64 sizes and has none")
    }

    /// A few bytes claim to be a gibibyte. The ratio is refused before anything is inflated.
    @Test func impossibleRatiosAreRefused() throws {
        let bytes = try deflatedArchive(stored: [3, 0], count: 1 << 30)
        #expect(refusal(bytes)?.message.contains("no deflate does that") == true)
    }

    /// 64 MiB of zeros claim to be 1000 bytes. Inflating stops at the claim.
    @Test func inflatingStopsAtThePromisedSize() throws {
        let bomb = try ZipBomb.zeros(1 << 26)
        #expect(refusal(try deflatedArchive(stored: bomb, count: 1000))?.message.contains("more than the 1000") == true)
        #expect(refusal(try deflatedArchive(stored: bomb, count: 1 << 26 + 1))?.message.contains("promised") == true)
    }

    @Test func inflatedSizesAreLimited() throws {
        let region = ByteRegion(try ZipBomb.zeros(1 << 20))
        #expect(throws: Failure.self) { try region.inflated(to: 1 << 20, limit: 1 << 19) }
        #expect(try region.inflated(to: 1 << 20).count == 1 << 20)
    }

    @Test func corruptDeflateDataIsRefused() throws {
        for stored in [[], [0xff], [1, 2, 3, 4, 5], [3], [3, 0, 0]] as [[UInt8]] {
            _ = refusal(try deflatedArchive(stored: stored, count: 4))
        }
    }

    /// Returns an archive of one member that claims to be deflated from `count` bytes.
    private func deflatedArchive(stored: [UInt8], count: Int) throws -> [UInt8] {
        var bytes = try archive([("bomb", stored)])
        let record = try #require(bytes.indices.first { bytes[$0...].starts(with: [0x50, 0x4b, 1, 2]) })
        bytes[8] = 8
        bytes[record + 10] = 8
        let size = withUnsafeBytes(of: UInt32(count)) { Array($0) }
        bytes.replaceSubrange(record + 24..<record + 28, with: size)
        return bytes
    }
}
