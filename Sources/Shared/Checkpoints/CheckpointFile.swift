import Diagnostics
import Formats

/// A model file of any container, as named tensors. The file is memory-mapped; a tensor is read when it is asked for.
package struct CheckpointFile: WeightSource {
    package enum Container: String, Sendable {
        case safetensors
        case torchArchive = "PyTorch zip archive"
        case torchStream = "PyTorch legacy stream"
        case pickle
    }

    package let path: String
    package let container: Container
    package let tensorNames: [String]
    package let configuration: String?
    /// The key under which the file keeps these weights, for example `ema`; nil if it holds nothing else.
    package let key: String?
    package let unread: [UnreadTensor]
    package let remarks: [String]
    /// The classes outside the allow-list that the file names beside its weights.
    package let foreignGlobals: [String]

    private let tensors: [String: StoredTensor]
    private let archive: TorchArchive?
    private let storages: [String: ByteRegion]
    private let isBigEndian: Bool

    private static let hint = "safetensors, PyTorch and NVIDIA pickle files are read"

    /// Opens a file of any container: safetensors, torch.save in both its forms, or NVIDIA's pickles. The content
    /// decides, not the name. Throws `.noInput` if the file cannot be opened; throws `.data`, naming the path, if it is
    /// none of these, is corrupt, or names a global that is not allowed.
    package static func open(_ path: String) throws -> any WeightSource {
        let region = ByteRegion(try MappedFile(path: path))
        if region.withBytes({ Safetensors.isImage($0) }) { return try SafetensorsFile(path: path) }
        return try locating(path) { try CheckpointFile(region, path: path) }
    }

    /// Reads a PyTorch or NVIDIA file in memory; `path` names it in messages.
    package init(_ region: ByteRegion, path: String) throws {
        self.path = path
        let document: PickleDocument
        if region.withBytes({ FileKind.isZip($0) }) {
            let archive = try TorchArchive(ZipArchive(region))
            (container, document, isBigEndian) = (.torchArchive, archive.document, archive.isBigEndian)
            (self.archive, storages) = (archive, [:])
        } else if TorchStream.isStream(region) {
            let stream = try TorchStream(region)
            (container, document, isBigEndian) = (.torchStream, stream.document, stream.isBigEndian)
            (archive, storages) = (nil, try stream.storages())
        } else if region.withBytes({ FileKind.isPickle($0) }) {
            document = try PickleMachine.run(region)
            (container, isBigEndian, archive, storages) = (.pickle, false, nil, [:])
        } else {
            try region.refuseOtherKinds(wanted: "a checkpoint", hint: Self.hint)
            let start = region.withBytes { bytes in
                bytes.prefix(4).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
            }
            throw Failure(
                .data, "is not a checkpoint that is read: it begins with \(start.joined(separator: " "))",
                suggestion: Self.hint)
        }
        let dictionary = try StateDictionary(document)
        (tensorNames, tensors, key) = (dictionary.names, dictionary.tensors, dictionary.key)
        (unread, remarks) = (dictionary.unread, dictionary.remarks)
        configuration = try (document.configuration(of: dictionary.root) ?? document.trainingArguments())?.text
        foreignGlobals = document.foreignGlobals.map(\.description)
        try checkStorages()
    }

    package func type(of name: String) -> DataType? { tensors[name]?.type }
    package func shape(of name: String) -> [Int]? { tensors[name]?.shape }

    package func floats(_ name: String) throws -> [Float] {
        let tensor = try stored(name)
        return try bytes(of: tensor, name).withBytes { tensor.type.widen($0) }
    }

    /// Returns a copy of the tensor in row-major order, in its own element type.
    package func tensor(_ name: String) throws -> NamedTensor {
        let tensor = try stored(name)
        return NamedTensor(name: name, type: tensor.type, shape: tensor.shape, bytes: try bytes(of: tensor, name).array)
    }
}

// MARK: - Storages

extension CheckpointFile {
    private func stored(_ name: String) throws -> StoredTensor {
        guard let tensor = tensors[name] else { throw Failure(.data, place: path, "no tensor named `\(name)`") }
        return tensor
    }

    private func bytes(of tensor: StoredTensor, _ name: String) throws -> ByteRegion {
        try locating("\(path): \(name)") {
            switch tensor.storage.place {
            case .region(let region): return try tensor.bytes(in: region, isBigEndian: tensor.storage.isBigEndian)
            case .key(let key): return try tensor.bytes(in: storage(key), isBigEndian: isBigEndian)
            }
        }
    }

    private func storage(_ key: String) throws -> ByteRegion {
        if let archive { return try archive.storage(key) }
        guard let region = storages[key] else { throw Failure(.data, "storage \(key) is missing") }
        return region
    }

    /// Throws `.data` unless every storage that a tensor needs is there and large enough, so that a fault is told when
    /// the file is opened.
    private func checkStorages() throws {
        for name in tensorNames {
            guard let tensor = tensors[name], case .key(let key) = tensor.storage.place else { continue }
            try locating("tensor `\(name)`") {
                let present = try archive?.member(key).count ?? storage(key).count
                try tensor.checkStorage(bytes: present)
            }
        }
    }
}
