import Diagnostics

/// The checked header of a safetensors image. The initializer checks that every range lies in the data whose length the
/// header promises.
package struct SafetensorsHeader: Sendable {
    /// The length of the length field before the header, in bytes.
    package static let prefix = 8
    /// The length of the longest header that is read, in bytes.
    package static let maximumLength = 16 << 20

    package struct Entry: Sendable, Equatable {
        package var name: String
        package var type: DataType
        package var shape: [Int]
        /// The place of the data in the buffer that follows the header.
        package var range: Range<Int>
    }

    package var metadata: [String: String] = [:]
    /// The tensors in the order of their data, without holes and without overlap.
    package var entries: [Entry] = []
    /// The number of bytes of data that follow the header.
    package var bufferLength: Int { entries.last?.range.upperBound ?? 0 }

    /// Returns the header's length, read from the first eight bytes of an image. Throws `.data` if no header has it.
    package static func length(prefix bytes: some Collection<UInt8>) throws -> Int {
        let value = statedLength(bytes)
        guard value >= 2, value <= UInt64(maximumLength) else {
            throw Failure(
                .data, "a header of \(value) bytes is not possible (2 to \(maximumLength) are)",
                suggestion: "is this a tensor stream?")
        }
        return Int(value)
    }

    /// The number in the first eight bytes, little-endian, not yet checked.
    static func statedLength(_ bytes: some Collection<UInt8>) -> UInt64 {
        bytes.prefix(prefix).enumerated().reduce(0) { $0 | UInt64($1.element) << (8 * $1.offset) }
    }

    /// Parses and checks the header's JSON. Throws `.data` if a tensor's type, shape and place contradict each other, or
    /// if the tensors' data overlap or leave a hole.
    package init(parsing bytes: some Collection<UInt8>) throws {
        guard bytes.first == UInt8(ascii: "{") else { throw Failure(.data, "the header does not begin with `{`") }
        let document = try locating("header") { try JSONValue(parsing: bytes) }
        for member in document.members ?? [] {
            if member.name == "__metadata__" {
                metadata = try Self.metadata(member.value)
            } else {
                entries.append(try Self.entry(member.name, member.value))
            }
        }
        entries.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
        var end = 0
        for entry in entries {
            guard entry.range.lowerBound == end else {
                let fault = entry.range.lowerBound < end ? "overlap those before it" : "leave a hole before it"
                throw Failure(.data, "the data of tensor `\(entry.name)` \(fault)")
            }
            end = entry.range.upperBound
        }
    }

    private static func metadata(_ value: JSONValue) throws -> [String: String] {
        guard let members = value.members else { throw Failure(.data, "`__metadata__` is not an object") }
        return try members.reduce(into: [:]) { result, member in
            guard let text = member.value.string else {
                throw Failure(.data, "metadata `\(member.name)` is not a string")
            }
            result[member.name] = text
        }
    }

    private static func entry(_ name: String, _ value: JSONValue) throws -> Entry {
        guard let members = value.members, members.count == 3, let typeName = value["dtype"]?.string,
            let shape = value["shape"]?.integers, let offsets = value["data_offsets"]?.integers, offsets.count == 2
        else { throw Failure(.data, "tensor `\(name)` needs exactly dtype, shape and data_offsets") }
        guard let type = DataType(rawValue: typeName) else {
            throw Failure(.data, "tensor `\(name)` has the unknown dtype \(typeName)")
        }
        guard offsets[0] >= 0, offsets[0] <= offsets[1] else {
            throw Failure(.data, "tensor `\(name)` has impossible offsets \(offsets)")
        }
        let (due, given) = (try type.byteCount(of: shape, tensor: name), offsets[1] - offsets[0])
        guard due == given else {
            throw Failure(.data, "tensor `\(name)`: \(type.rawValue) \(shape) takes \(due) bytes, its offsets \(given)")
        }
        return Entry(name: name, type: type, shape: shape, range: offsets[0]..<offsets[1])
    }
}
