import Diagnostics

extension ByteRegion {
    /// Returns the contents of a gzip file of one member (RFC 1952). Throws `.data` if the file is none, or is corrupt.
    ///
    /// - Parameter limit: the most bytes that the contents may have.
    package func gunzipped(limit: Int) throws -> [UInt8] {
        guard starts(with: [0x1f, 0x8b, 8]), count >= 18 else { throw Failure(.data, "is not a gzip file") }
        let flags: UInt8 = try integer(at: 3)
        var place = 10
        if flags & 4 != 0 { place += 2 + Int(try integer(at: place) as UInt16) }
        // The name and the comment end in a zero.
        for flag in [8, 16] as [UInt8] where flags & flag != 0 {
            while try integer(at: place) as UInt8 != 0 { place += 1 }
            place += 1
        }
        if flags & 2 != 0 { place += 2 }
        let end = count - 8
        let size = Int(try integer(at: end + 4) as UInt32)
        let bytes = try part(at: place, count: end - place).inflated(to: size, limit: limit)
        guard ByteRegion(bytes).checksum == (try integer(at: end) as UInt32) else {
            throw Failure(.data, "the checksum is wrong")
        }
        return bytes
    }
}
