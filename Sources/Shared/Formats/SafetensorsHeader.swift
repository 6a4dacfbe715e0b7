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
    /// The tensors in the order of their data. They and `unread` leave no holes and do not overlap.
    package private(set) var entries: [Entry] = []
    /// The tensors of unknown element types, in the order of their data.
    package private(set) var unread: [UnreadTensor] = []
    /// The number of bytes of data that follow the header.
    package private(set) var bufferLength = 0

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
    /// if the tensors' data overlap or leave a hole. A tensor of an unknown type takes what its offsets say.
    package init(parsing bytes: some Collection<UInt8>) throws {
        guard bytes.first == UInt8(ascii: "{") else { throw Failure(.data, "the header does not begin with `{`") }
        let document = try locating("header") { try JSONValue(parsing: bytes) }
        var stored: [Stored] = []
        for member in document.members ?? [] {
            if member.name == "__metadata__" {
                metadata = try Self.metadata(member.value)
            } else {
                stored.append(try Stored(member.name, member.value))
            }
        }
        stored.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
        for tensor in stored {
            guard tensor.range.lowerBound == bufferLength else {
                let fault =
                    tensor.range.lowerBound < bufferLength ? "overlap those before it" : "leave a hole before it"
                throw Failure(.data, "the data of tensor `\(tensor.name)` \(fault)")
            }
            bufferLength = tensor.range.upperBound
            if let entry = try tensor.entry {
                entries.append(entry)
            } else {
                unread.append(UnreadTensor(name: tensor.name, type: tensor.type, shape: tensor.shape))
            }
        }
    }

    /// Throws `.data`, naming the first tensor of an unknown element type, if there is one.
    package func requireKnownTypes() throws {
        guard let tensor = unread.first else { return }
        throw Failure(.data, "tensor `\(tensor.name)` has the unknown dtype \(tensor.type)")
    }

    private static func metadata(_ value: JSONValue) throws -> [String: String] {
        // Writers put null where there is no metadata, and the format's own reader takes it.
        guard value != .null else { return [:] }
        guard let members = value.members else { throw Failure(.data, "`__metadata__` is not an object") }
        return try members.reduce(into: [:]) { result, member in
            guard let text = member.value.string else {
                throw Failure(.data, "metadata `\(member.name)` is not a string")
            }
            result[member.name] = text
        }
    }
}

/// A tensor as the header describes it.
private struct Stored {
    let name: String
    let type: String
    let shape: [Int]
    let range: Range<Int>

    init(_ name: String, _ value: JSONValue) throws {
        guard let members = value.members, members.count == 3, let type = value["dtype"]?.string,
            let shape = value["shape"]?.integers, let offsets = value["data_offsets"]?.integers, offsets.count == 2
        else { throw Failure(.data, "tensor `\(name)` needs exactly dtype, shape and data_offsets") }
        guard offsets[0] >= 0, offsets[0] <= offsets[1] else {
            throw Failure(.data, "tensor `\(name)` has impossible offsets \(offsets)")
        }
        (self.name, self.type, self.shape, range) = (name, type, shape, offsets[0]..<offsets[1])
    }

    /// The tensor with its element type; nil if that is unknown. Throws `.data` if its size is not that of its shape.
    var entry: SafetensorsHeader.Entry? {
        get throws {
            guard let known = DataType(rawValue: type) else { return nil }
            let due = try known.byteCount(of: shape, tensor: name)
            guard due == range.count else {
                throw Failure(
                    .data, "tensor `\(name)`: \(type) \(shape) takes \(due) bytes, its offsets \(range.count)")
            }
            return .init(name: name, type: known, shape: shape, range: range)
        }
    }
}
