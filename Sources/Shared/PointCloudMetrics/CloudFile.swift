import Checkpoints
import Diagnostics
import Formats
import TensorStream

/// A file that may hold clouds, told by its header.
package struct CloudFile {
    private enum Content {
        case stream
        case array(NamedTensor)
        case tensor(SafetensorsFile, String)
    }

    private let content: Content

    /// Whether the file holds clouds. Throws `noInput` if it cannot be opened.
    package static func holdsClouds(_ path: String) throws -> Bool { try CloudFile(path: path) != nil }

    /// Returns nil if the file holds something else than clouds. Throws `noInput` if it cannot be opened.
    init?(path: String) throws {
        if try NPZFile.isMeant(by: path) {
            guard let array = try Self.archived(path) else { return nil }
            content = .array(array)
            return
        }
        let file = try MappedFile(path: path)
        if file.bytes.starts(with: NPY.magic) {
            let array = try locating(path) { try NPY.parse(Array(file.bytes), name: "clouds") }
            guard Self.isSet(array.shape) else { return nil }
            content = .array(array)
            return
        }
        // A header that cannot be read is refused by those who read other files.
        guard let (header, _) = try? Safetensors.firstHeader(in: file.bytes) else { return nil }
        let names = header.entries.filter { Self.isSet($0.shape) && $0.type.isFloat }.map(\.name)
        if let kind = header.metadata[Key.kind] {
            guard kind == StreamKind.samples.rawValue, names.contains("image") else { return nil }
            content = .stream
        } else {
            guard let name = ["points", "image"].first(where: names.contains) else { return nil }
            content = .tensor(try SafetensorsFile(path: path), name)
        }
    }

    /// The clouds of a file that is no stream; nil for a stream.
    func array() throws -> NamedTensor? {
        switch content {
        case .stream: nil
        case .array(let array): array
        case .tensor(let file, let name): try file.tensor(name)
        }
    }

    private static func isSet(_ shape: [Int]) -> Bool { isCloudShape(Array(shape.dropFirst())) }

    private static func archived(_ path: String) throws -> NamedTensor? {
        let file = try NPZFile(path: path)
        guard let name = file.mainName else { return nil }
        let array = try file.array(name)
        return isSet(array.shape) ? array : nil
    }
}
