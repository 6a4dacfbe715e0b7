import Diagnostics
import Formats

/// A range of immutable bytes: a mapped file, an array, or a part of either. A part is checked when it is taken, and
/// shares the memory.
package struct ByteRegion: Sendable {
    private enum Owner: Sendable {
        case file(MappedFile)
        case array([UInt8])
    }

    private let owner: Owner
    private let start: Int
    package let count: Int

    /// Makes a region of bytes in memory.
    package init(_ bytes: [UInt8]) {
        self.init(owner: .array(bytes), start: 0, count: bytes.count)
    }

    /// Makes a region of a whole mapped file. Its pages are read when they are touched.
    package init(_ file: MappedFile) {
        self.init(owner: .file(file), start: 0, count: file.bytes.count)
    }

    private init(owner: Owner, start: Int, count: Int) {
        self.owner = owner
        self.start = start
        self.count = count
    }

    /// Calls `body` with the bytes. Release builds do not check the subscript of this buffer: compare places with its
    /// count.
    package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        let range = start..<start + count
        switch owner {
        case .file(let file):
            return try withExtendedLifetime(file) { try body(UnsafeRawBufferPointer(rebasing: file.bytes[range])) }
        case .array(let array):
            return try array.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[range])) }
        }
    }

    /// Returns `length` bytes from `offset` without copying them. Throws `.data` if they do not lie in the region.
    package func part(at offset: Int, count length: Int) throws -> ByteRegion {
        guard offset >= 0, length >= 0, offset <= count, length <= count - offset else {
            throw Failure(.data, "\(length) bytes at \(offset) lie outside the \(count) bytes present")
        }
        return ByteRegion(owner: owner, start: start + offset, count: length)
    }

    package func part(_ range: Range<Int>) throws -> ByteRegion {
        try part(at: range.lowerBound, count: range.count)
    }

    /// Returns the little-endian integer at `offset`. Throws `.data` if it does not lie in the region.
    package func integer<Integer: FixedWidthInteger & BitwiseCopyable>(
        at offset: Int, as type: Integer.Type = Integer.self
    ) throws -> Integer {
        try part(at: offset, count: MemoryLayout<Integer>.size).withBytes {
            Integer(littleEndian: $0.loadUnaligned(as: Integer.self))
        }
    }

    package func starts(with prefix: [UInt8]) -> Bool {
        withBytes { $0.starts(with: prefix) }
    }

    /// Throws `.data` if the region is a file of a known kind that the caller does not read (`FileKind.refuse`).
    func refuseOtherKinds(wanted: String, accepted: Set<FileKind> = [], hint: String? = nil) throws {
        try withBytes { try FileKind.refuse($0, wanted: wanted, accepted: accepted, hint: hint) }
    }

    /// A copy of the bytes.
    package var array: [UInt8] { withBytes { Array($0) } }
}
