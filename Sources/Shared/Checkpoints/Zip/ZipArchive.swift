import CZlib
import Diagnostics

/// A zip archive read through its central directory: ZIP64, members stored or deflated.
///
/// Opening checks every header: names, sizes, that members lie inside the file and that none overlaps another.
/// Contents are inflated only when asked for, under a limit, and must match their CRC-32.
/// Source: PKWARE APPNOTE 6.3.9, sections 4.3 to 4.5.
package struct ZipArchive: Sendable {
    package struct Member: Sendable, Equatable {
        package var name: String
        package var isDeflated: Bool
        /// Bytes once inflated, as the directory says.
        package var count: Int
        package var checksum: UInt32
        /// Place of the stored bytes in the archive.
        package var range: Range<Int>
    }

    /// Most members of one archive.
    package static let maximumMembers = 1 << 20
    /// Most bytes that one member is inflated to.
    package static let maximumInflatedCount = 1 << 30
    /// Deflate cannot expand further (zlib's technical notes), so a larger claim is a lie.
    package static let maximumRatio = 1032

    /// In the order of the directory.
    package let members: [Member]
    private let positions: [String: Int]
    private let region: ByteRegion

    /// Reads the directory. Throws `.data` where the archive is corrupt, encrypted, split or contradicts itself.
    package init(_ region: ByteRegion) throws {
        let directory = try ZipDirectory(region)
        self.region = region
        members = try directory.members()
        positions = Dictionary(members.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The four bytes that an archive with members begins with, or that an empty one consists of.
    package static func isArchive(_ region: ByteRegion) -> Bool {
        region.starts(with: [0x50, 0x4b, 0x03, 0x04]) || region.starts(with: [0x50, 0x4b, 0x05, 0x06])
    }

    package subscript(name: String) -> Member? { positions[name].map { members[$0] } }

    /// The bytes of a member, checked against their CRC-32. Stored members are not copied.
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
    /// CRC-32 as zip and PNG use it.
    package var checksum: UInt32 {
        withBytes { bytes in
            UInt32(truncatingIfNeeded: crc32_z(0, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count))
        }
    }
}
