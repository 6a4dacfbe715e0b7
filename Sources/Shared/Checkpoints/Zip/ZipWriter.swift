import Diagnostics

/// Builds a zip archive of stored members in memory. The data of each member can be aligned as PyTorch aligns it.
///
/// Sizes that need ZIP64 are refused: statistics and schedules are far below 4 GiB.
package struct ZipWriter {
    private var output: [UInt8] = []
    private var directory: [UInt8] = []
    private var names: Set<String> = []
    private let alignment: Int

    /// The first day that the format can name, so that equal contents give equal archives.
    private static let date: UInt16 = 1 << 5 | 1
    private static let version: UInt16 = 20
    /// The flag that says that names are UTF-8.
    private static let flags: UInt16 = 1 << 11
    /// The identifier of the extra field with which PyTorch pads.
    private static let padding: UInt16 = 0x4246

    /// - Parameter alignment: the alignment of each member's data in bytes: 1 for none, 64 for files that will be
    ///   mapped.
    package init(alignment: Int = 1) {
        precondition(alignment > 0)
        self.alignment = alignment
    }

    /// Appends a member. Throws `.internal` if the name is taken, `.cannotCreate` if the archive would need ZIP64.
    package mutating func add(_ name: String, _ contents: [UInt8]) throws {
        let limit = Int(UInt32.max) - 1
        guard names.insert(name).inserted else { throw Failure(.internal, place: name, "is in the archive twice") }
        guard contents.count <= limit, output.count <= limit - contents.count - 1024 - name.utf8.count,
            name.utf8.count < Int(UInt16.max), names.count < Int(UInt16.max)
        else { throw Failure(.cannotCreate, place: name, "does not fit a zip archive of less than 4 GiB") }
        let offset = output.count
        let common = Self.common(contents: contents, nameCount: name.utf8.count)
        let extra = paddingField(behind: offset + 30 + name.utf8.count)

        output.appendLittleEndian(0x0403_4b50 as UInt32)
        output += common
        output.appendLittleEndian(UInt16(extra.count))
        output += Array(name.utf8) + extra + contents

        directory.appendLittleEndian(0x0201_4b50 as UInt32)
        directory.appendLittleEndian(Self.version)
        directory += common
        // There is no extra field, no comment and no attributes; the disk is number 0.
        directory += [UInt8](repeating: 0, count: 12)
        directory.appendLittleEndian(UInt32(offset))
        directory += Array(name.utf8)
    }

    /// Returns the whole archive.
    package func finished() -> [UInt8] {
        var end: [UInt8] = []
        end.appendLittleEndian(0x0605_4b50 as UInt32)
        end.appendLittleEndian(0 as UInt32)
        end.appendLittleEndian(UInt16(names.count))
        end.appendLittleEndian(UInt16(names.count))
        end.appendLittleEndian(UInt32(directory.count))
        end.appendLittleEndian(UInt32(output.count))
        end.appendLittleEndian(0 as UInt16)
        return output + directory + end
    }

    /// Returns the bytes that local header and directory record share, from the version to the length of the name.
    private static func common(contents: [UInt8], nameCount: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendLittleEndian(version)
        bytes.appendLittleEndian(flags)
        bytes.appendLittleEndian(0 as UInt16)  // stored
        bytes.appendLittleEndian(0 as UInt16)  // midnight
        bytes.appendLittleEndian(date)
        bytes.appendLittleEndian(ByteRegion(contents).checksum)
        bytes.appendLittleEndian(UInt32(contents.count))
        bytes.appendLittleEndian(UInt32(contents.count))
        bytes.appendLittleEndian(UInt16(nameCount))
        return bytes
    }

    private func paddingField(behind position: Int) -> [UInt8] {
        guard alignment > 1 else { return [] }
        let count = (alignment - (position + 4) % alignment) % alignment
        var field: [UInt8] = []
        field.appendLittleEndian(Self.padding)
        field.appendLittleEndian(UInt16(count))
        return field + [UInt8](repeating: UInt8(ascii: "Z"), count: count)
    }
}

extension [UInt8] {
    /// Appends the little-endian bytes of `value`.
    mutating func appendLittleEndian<Integer: FixedWidthInteger>(_ value: Integer) where Integer: UnsignedInteger {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}
