import Diagnostics

/// A memory-mapped safetensors file. Opening it reads the header only; a tensor is widened when it is asked for.
package struct SafetensorsFile: WeightSource {
    package let path: String
    package let metadata: [String: String]
    package let tensorNames: [String]
    package let unread: [UnreadTensor]
    private let file: MappedFile
    private let dataStart: Int
    private let entries: [String: SafetensorsHeader.Entry]

    /// Throws `.noInput` if the file cannot be opened, `.data` if it is corrupt; both name the path.
    package init(path: String) throws {
        let file = try MappedFile(path: path)
        let (header, start) = try locating(path) {
            try FileKind.refuse(file.bytes, wanted: "a safetensors file", accepted: [.safetensors])
            return try Safetensors.header(of: file.bytes)
        }
        self.path = path
        self.file = file
        metadata = header.metadata
        dataStart = start
        unread = header.unread
        tensorNames = header.entries.map(\.name)
        entries = Dictionary(uniqueKeysWithValues: header.entries.map { ($0.name, $0) })
    }

    package func type(of name: String) -> DataType? { entries[name]?.type }
    package func shape(of name: String) -> [Int]? { entries[name]?.shape }
    /// The value of the metadata key `config`.
    package var configuration: String? { metadata["config"] }

    package func floats(_ name: String) throws -> [Float] {
        let bytes = try data(of: name)
        defer { file.release(bytes) }
        return try entry(name).type.widen(bytes)
    }

    package func withFloats(_ name: String, _ body: (UnsafeBufferPointer<Float>) throws -> Void) throws {
        let bytes = try data(of: name)
        let isAligned = Int(bitPattern: bytes.baseAddress) % MemoryLayout<Float>.alignment == 0
        guard isAligned, try entry(name).type == .float32 else {
            return try floats(name).withUnsafeBufferPointer(body)
        }
        defer { file.release(bytes) }
        try body(bytes.assumingMemoryBound(to: Float.self))
    }

    /// Returns a copy of the tensor as it is stored.
    package func tensor(_ name: String) throws -> NamedTensor {
        let entry = try entry(name)
        return NamedTensor(name: name, type: entry.type, shape: entry.shape, bytes: Array(try data(of: name)))
    }

    private func data(of name: String) throws -> UnsafeRawBufferPointer {
        let range = try entry(name).range
        return UnsafeRawBufferPointer(
            rebasing: file.bytes[dataStart + range.lowerBound..<dataStart + range.upperBound])
    }

    private func entry(_ name: String) throws -> SafetensorsHeader.Entry {
        guard let entry = entries[name] else {
            let type = unread.first { $0.name == name }?.type
            throw Failure(
                .data, place: path,
                type.map { "tensor `\(name)` is of type \($0), which is not read" } ?? "no tensor named `\(name)`")
        }
        return entry
    }
}
