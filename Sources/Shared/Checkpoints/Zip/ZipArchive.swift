import CZlib
import Diagnostics

/// A zip archive, read through its central directory. ZIP64 is understood; members may be stored or deflated.
///
/// Opening checks every header: names, sizes, that members lie inside the file, and that none overlaps another. A
/// member is inflated only when it is asked for, under a limit, and must match its CRC-32 (PKWARE APPNOTE 6.3.9,
/// sections 4.3 to 4.5).
package struct ZipArchive: Sendable {
    package struct Member: Sendable, Equatable {
        package var name: String
        package var isDeflated: Bool
        /// The number of bytes after inflating, as the directory says.
        package var count: Int
        package var checksum: UInt32
        /// The place of the stored bytes in the archive.
        package var range: Range<Int>
    }

    /// The largest number of members of one archive.
    package static let maximumMembers = 1 << 20
    /// The largest number of bytes to which one member is inflated.
    package static let maximumInflatedCount = 1 << 30
    /// The largest ratio of inflated to stored bytes. Deflate cannot do more (zlib's technical notes), so a larger
    /// claim is false.
    package static let maximumRatio = 1032

    /// The members in the order of the directory.
    package let members: [Member]
    private let positions: [String: Int]
    private let region: ByteRegion

    /// Reads the directory. Throws `.data` if the archive is corrupt, encrypted, split or contradicts itself.
    package init(_ region: ByteRegion) throws {
        let directory = try ZipDirectory(region)
        self.region = region
        members = try directory.members()
        positions = Dictionary(members.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    package subscript(name: String) -> Member? { positions[name].map { members[$0] } }

    /// Returns the bytes of a member after comparing them with their CRC-32. Stored members are not copied. Throws
    /// `.data` if the member is corrupt.
    package func contents(of member: Member) throws -> ByteRegion {
        try locating(member.name) {
            let stored = try region.part(member.range)
            let contents = member.isDeflated ? ByteRegion(try stored.inflated(to: member.count)) : stored
            let checksum = contents.checksum
            guard checksum == member.checksum else { throw Failure(.data, "the CRC-32 does not match: corrupt") }
            return contents
        }
    }
}

extension ByteRegion {
    /// The CRC-32 of the bytes, as zip and PNG use it.
    package var checksum: UInt32 {
        withBytes { bytes in
            UInt32(truncatingIfNeeded: crc32_z(0, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count))
        }
    }
}
