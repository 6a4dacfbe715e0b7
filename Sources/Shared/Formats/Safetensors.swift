import Diagnostics

/// Whole safetensors images in memory: u64 header length, JSON header, data.
package enum Safetensors {
    /// Parses an image that is all of `image`. Throws `.data` where it is cut short, too long or contradicts itself.
    package static func parse(_ image: [UInt8]) throws -> (metadata: [String: String], tensors: [NamedTensor]) {
        let (header, start) = try image.withUnsafeBytes { try self.header(of: $0) }
        return (header.metadata, header.tensors(in: image[start...]))
    }

    /// The checked header of a whole image, and where its data begins.
    package static func header(of image: UnsafeRawBufferPointer) throws -> (SafetensorsHeader, dataStart: Int) {
        guard image.count >= SafetensorsHeader.prefix else {
            throw Failure(.data, "ends after \(image.count) of \(SafetensorsHeader.prefix) bytes")
        }
        let length = try SafetensorsHeader.length(prefix: image)
        let start = SafetensorsHeader.prefix + length
        guard image.count >= start else { throw Failure(.data, "ends after \(image.count) of \(start) bytes") }
        let header = try SafetensorsHeader(parsing: image[SafetensorsHeader.prefix..<start])
        guard image.count - start == header.bufferLength else {
            throw Failure(
                .data, "has \(image.count - start) bytes of data where its header says \(header.bufferLength)")
        }
        return (header, start)
    }

    /// The image of these tensors. Wide element types come first, so that each tensor is aligned to its element.
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
    /// The tensors, their bytes copied from `buffer`, which is at least as long as the header says.
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
