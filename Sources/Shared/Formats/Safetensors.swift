import Diagnostics

/// Reads and writes whole safetensors images in memory: u64 header length, JSON header, data.
package enum Safetensors {
    /// Parses one image that takes all of `image`. Throws `.data` if it is cut short, too long or contradicts itself, and
    /// if it holds a tensor of an unknown element type.
    package static func parse(_ image: [UInt8]) throws -> (metadata: [String: String], tensors: [NamedTensor]) {
        let (header, start) = try image.withUnsafeBytes { try self.header(of: $0) }
        try header.requireKnownTypes()
        return (header.metadata, header.tensors(in: image[start...]))
    }

    /// Whether bytes that begin with `start` are meant as a safetensors image: a length that a header may have, then `{`.
    /// Nine bytes are enough; everything else is checked when the image is parsed.
    package static func isImage(_ start: some Collection<UInt8>) -> Bool {
        let bytes = Array(start.prefix(SafetensorsHeader.prefix + 1))
        guard bytes.count > SafetensorsHeader.prefix, bytes.last == UInt8(ascii: "{") else { return false }
        return SafetensorsHeader.statedLength(bytes) <= UInt64(SafetensorsHeader.maximumLength)
    }

    /// Returns the checked header that `bytes` begin with, and the place where its data begins. More images may follow.
    package static func firstHeader(in bytes: UnsafeRawBufferPointer) throws -> (SafetensorsHeader, dataStart: Int) {
        guard bytes.count >= SafetensorsHeader.prefix else {
            throw Failure(.data, "ends after \(bytes.count) of \(SafetensorsHeader.prefix) bytes")
        }
        let start = SafetensorsHeader.prefix + (try SafetensorsHeader.length(prefix: bytes))
        guard bytes.count >= start else { throw Failure(.data, "ends after \(bytes.count) of \(start) bytes") }
        return (try SafetensorsHeader(parsing: bytes[SafetensorsHeader.prefix..<start]), start)
    }

    /// Returns the checked header of one whole image, and the place where its data begins.
    package static func header(of image: UnsafeRawBufferPointer) throws -> (SafetensorsHeader, dataStart: Int) {
        let (header, start) = try firstHeader(in: image)
        guard image.count - start == header.bufferLength else {
            throw Failure(
                .data,
                "has \(counted(image.count - start, "byte")) of data where its header says \(header.bufferLength)")
        }
        return (header, start)
    }

    /// Returns the image of these tensors. Wide element types come first, so each tensor is aligned to its elements.
    package static func serialize(metadata: [String: String], tensors: [NamedTensor]) -> [UInt8] {
        let ordered = DataType.sizesDescending.flatMap { size in tensors.filter { $0.type.size == size } }
        var offset = 0
        var members: [JSONValue.Member] = []
        if !metadata.isEmpty {
            let sorted = metadata.sorted { $0.key < $1.key }
            members.append(.init("__metadata__", .object(sorted.map { .init($0.key, .string($0.value)) })))
        }
        for tensor in ordered {
            let end = offset + tensor.bytes.count
            members.append(
                .init(
                    tensor.name,
                    [
                        "dtype": .string(tensor.type.rawValue), "shape": .array(tensor.shape.map { .integer($0) }),
                        "data_offsets": [.integer(offset), .integer(end)],
                    ]))
            offset = end
        }
        var header = Array(JSONValue.object(members).text.utf8)
        header += [UInt8](repeating: UInt8(ascii: " "), count: (8 - header.count % 8) % 8)

        var image: [UInt8] = []
        image.reserveCapacity(SafetensorsHeader.prefix + header.count + offset)
        withUnsafeBytes(of: UInt64(header.count).littleEndian) { image.append(contentsOf: $0) }
        image += header
        for tensor in ordered { image += tensor.bytes }
        return image
    }
}

extension SafetensorsHeader {
    /// Returns the tensors. Their bytes are copied from `buffer`, which must be as long as the header says, or longer.
    package func tensors(in buffer: ArraySlice<UInt8>) -> [NamedTensor] {
        entries.map { entry in
            let range = buffer.startIndex + entry.range.lowerBound..<buffer.startIndex + entry.range.upperBound
            return NamedTensor(name: entry.name, type: entry.type, shape: entry.shape, bytes: Array(buffer[range]))
        }
    }
}

extension DataType {
    fileprivate static let sizesDescending = [8, 4, 2, 1]
}
