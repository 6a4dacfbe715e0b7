import Diagnostics

/// The central directory of a zip archive: its place, and its records.
struct ZipDirectory {
    private let region: ByteRegion
    private let range: Range<Int>
    private let count: Int

    private static let endSignature: UInt32 = 0x0605_4b50
    private static let endLength = 22
    private static let locatorSignature: UInt32 = 0x0706_4b50
    private static let locatorLength = 20
    private static let end64Signature: UInt32 = 0x0606_4b50
    private static let end64Length = 56
    private static let recordSignature: UInt32 = 0x0201_4b50
    private static let recordLength = 46
    private static let localSignature: UInt32 = 0x0403_4b50
    private static let localLength = 30

    init(_ region: ByteRegion) throws {
        self.region = region
        let end = try Self.endPosition(in: region)
        guard try region.integer(at: end + 4, as: UInt32.self) == 0 else { throw Failure(.data, "a split zip archive") }
        let (here, total): (UInt16, UInt16) = (try region.integer(at: end + 8), try region.integer(at: end + 10))
        let (size, offset): (UInt32, UInt32) = (try region.integer(at: end + 12), try region.integer(at: end + 16))
        var directory = (count: UInt64(total), size: UInt64(size), offset: UInt64(offset), end: end)
        if let end64 = try Self.end64Position(in: region, before: end) {
            directory.count = try region.integer(at: end64 + 32)
            directory.size = try region.integer(at: end64 + 40)
            directory.offset = try region.integer(at: end64 + 48)
            directory.end = end64
        } else if here != total {
            throw Failure(.data, "a split zip archive")
        }
        guard directory.offset <= UInt64(directory.end),
            directory.size == UInt64(directory.end) - directory.offset,
            directory.count <= directory.size / UInt64(Self.recordLength),
            directory.count <= UInt64(ZipArchive.maximumMembers)
        else { throw Failure(.data, "the zip directory contradicts the file: truncated or corrupt") }
        range = Int(directory.offset)..<directory.end
        count = Int(directory.count)
    }

    /// Returns every member. Each local header is checked; the ranges do not overlap, and they end before the
    /// directory.
    func members() throws -> [ZipArchive.Member] {
        var members: [ZipArchive.Member] = []
        var headers: [Int] = []
        var names: Set<String> = []
        var position = range.lowerBound
        for index in 0..<count {
            let record = try locating("zip member \(index)") { try Record(region, at: position, end: range.upperBound) }
            position = record.end
            guard names.insert(record.name).inserted else {
                throw Failure(.data, place: record.name, "is in the zip directory twice")
            }
            members.append(try locating(record.name) { try member(record) })
            headers.append(record.header)
        }
        guard position == range.upperBound else { throw Failure(.data, "the zip directory has bytes left over") }
        try refuseOverlap(members, headers: headers)
        return members
    }

    /// Checks the local header at which a record points, and finds the data after it.
    private func member(_ record: Record) throws -> ZipArchive.Member {
        let limit = range.lowerBound
        guard record.header <= limit - Self.localLength,
            try region.integer(at: record.header) == Self.localSignature
        else { throw Failure(.data, "has no local header where the zip directory says") }
        let nameLength = Int(try region.integer(at: record.header + 26, as: UInt16.self))
        let extraLength = Int(try region.integer(at: record.header + 28, as: UInt16.self))
        let start = record.header + Self.localLength + nameLength + extraLength
        guard start <= limit, record.storedCount <= limit - start else {
            throw Failure(.data, "reaches beyond the data of the archive")
        }
        let localName = try region.part(at: record.header + Self.localLength, count: nameLength).array
        guard localName.elementsEqual(record.name.utf8),
            try region.integer(at: record.header + 8, as: UInt16.self) == (record.isDeflated ? 8 : 0)
        else { throw Failure(.data, "has a local header that contradicts the zip directory") }
        return ZipArchive.Member(
            name: record.name, isDeflated: record.isDeflated, count: record.count, checksum: record.checksum,
            range: start..<start + record.storedCount)
    }

    private func refuseOverlap(_ members: [ZipArchive.Member], headers: [Int]) throws {
        var end = 0
        for index in headers.indices.sorted(by: { headers[$0] < headers[$1] }) {
            guard headers[index] >= end else {
                throw Failure(.data, place: members[index].name, "overlaps another member of the archive")
            }
            end = members[index].range.upperBound
        }
    }
}

// MARK: - End records

extension ZipDirectory {
    /// Returns the place of the end record: the last signature whose comment reaches exactly to the end of the file.
    private static func endPosition(in region: ByteRegion) throws -> Int {
        let last = region.count - endLength
        let first = max(0, last - Int(UInt16.max))
        if last >= 0 {
            for position in stride(from: last, through: first, by: -1)
            where try region.integer(at: position) == endSignature {
                let comment = Int(try region.integer(at: position + 20, as: UInt16.self))
                if position + endLength + comment == region.count { return position }
            }
        }
        throw Failure(.data, "no zip directory at the end: truncated, or not a zip archive")
    }

    /// Returns the place of the ZIP64 end record that the locator before `end` names; nil if there is no locator.
    private static func end64Position(in region: ByteRegion, before end: Int) throws -> Int? {
        let locator = end - locatorLength
        guard locator >= 0, try region.integer(at: locator) == locatorSignature else { return nil }
        let offset: UInt64 = try region.integer(at: locator + 8)
        guard offset <= UInt64(locator), UInt64(locator) - offset >= UInt64(end64Length),
            try region.integer(at: Int(offset)) == end64Signature
        else { throw Failure(.data, "the ZIP64 end record is not where its locator says") }
        return Int(offset)
    }
}

// MARK: - Directory records

extension ZipDirectory {
    /// One record of the central directory, with its ZIP64 sizes.
    private struct Record {
        var name: String
        var isDeflated: Bool
        var checksum: UInt32
        var storedCount: Int
        var count: Int
        /// The place of the local header.
        var header: Int
        /// The place after the record.
        var end: Int

        init(_ region: ByteRegion, at position: Int, end limit: Int) throws {
            guard position <= limit - recordLength, try region.integer(at: position) == recordSignature else {
                throw Failure(.data, "the zip directory is corrupt")
            }
            let lengths = try (0..<3).map { Int(try region.integer(at: position + 28 + 2 * $0, as: UInt16.self)) }
            end = position + recordLength + lengths[0] + lengths[1] + lengths[2]
            guard end <= limit else { throw Failure(.data, "the zip directory is corrupt") }
            name = try Self.name(region.part(at: position + recordLength, count: lengths[0]))
            let flags: UInt16 = try region.integer(at: position + 8)
            guard flags & 1 == 0 else { throw Failure(.data, place: name, "is encrypted") }
            let method: UInt16 = try region.integer(at: position + 10)
            guard method == 0 || method == 8 else {
                throw Failure(
                    .data, place: name, "is compressed by method \(method); only stored and deflated are read")
            }
            isDeflated = method == 8
            checksum = try region.integer(at: position + 16)
            let narrow = try [24, 20, 42].map { try region.integer(at: position + $0, as: UInt32.self) }
            let extra = try region.part(at: position + recordLength + lengths[0], count: lengths[1])
            let wide = try locating(name) { try Self.widened(narrow, extra: extra) }
            guard wide.allSatisfy({ $0 <= UInt64(region.count) }) || isDeflated,
                let count = Int(exactly: wide[0]), let stored = Int(exactly: wide[1]),
                let header = Int(exactly: wide[2])
            else { throw Failure(.data, place: name, "claims more bytes than the archive has") }
            (self.count, storedCount, self.header) = (count, stored, header)
            try checkCounts()
        }

        private func checkCounts() throws {
            guard isDeflated || count == storedCount else {
                throw Failure(.data, place: name, "is stored but claims \(counted(count, "byte")) of \(storedCount)")
            }
            let limit = storedCount.multipliedReportingOverflow(by: ZipArchive.maximumRatio)
            guard !isDeflated || limit.overflow || count <= limit.partialValue else {
                throw Failure(
                    .data, place: name, "claims \(counted(count, "byte")) from \(storedCount): no deflate does that")
            }
        }

        /// Returns the name of a member. Throws `.data` if it could lead out of a folder or cannot be printed: it must
        /// be relative, with forward slashes, without `..` and without control characters.
        private static func name(_ bytes: ByteRegion) throws -> String {
            guard let name = String(validating: bytes.array, as: UTF8.self), !name.isEmpty,
                name.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0 != "\\" && $0.value != 0x7f }),
                !name.hasPrefix("/"),
                !name.split(separator: "/", omittingEmptySubsequences: false).contains("..")
            else { throw Failure(.data, "has an impossible name") }
            return name
        }

        /// Returns the uncompressed size, the compressed size and the offset of the header. A number of all ones stands
        /// in the ZIP64 extra field instead, in this order.
        private static func widened(_ narrow: [UInt32], extra: ByteRegion) throws -> [UInt64] {
            guard narrow.contains(.max) else { return narrow.map(UInt64.init) }
            var position = 0
            while position + 4 <= extra.count {
                let identifier: UInt16 = try extra.integer(at: position)
                let field = try extra.part(
                    at: position + 4, count: Int(extra.integer(at: position + 2, as: UInt16.self)))
                if identifier == 1 {
                    var next = 0
                    return try narrow.map { value in
                        guard value == .max else { return UInt64(value) }
                        defer { next += 8 }
                        return try field.integer(at: next)
                    }
                }
                position += 4 + field.count
            }
            throw Failure(.data, "needs ZIP64 sizes and has none")
        }
    }
}
