import Diagnostics
import Formats

/// Says that a tensor has an element type that is not read.
struct UnreadElementType: Error {
    let type: String
    /// Empty if it is not known.
    var shape: [Int] = []
}

/// Finds tensors among the values of a pickle. They are calls of PyTorch's rebuild functions or NumPy arrays, and are
/// read from the arguments.
extension PickleDocument {
    /// Returns the tensor that `value` is; nil if it is something else. Throws `.data`, naming `name`, if it is a
    /// tensor that cannot be read, and `UnreadElementType`.
    func tensor(_ value: PickleValue, name: String) throws -> StoredTensor? {
        guard let (global, arguments) = call(value) else { return nil }
        switch "\(global)" {
        case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state":
            guard let data = arguments.first else { throw Self.unreadable(name, global) }
            return try rebuilt(data, name: name)
        case "torch._tensor._rebuild_from_type_v2":
            // The arguments are the function that makes the plain tensor, a type, and the function's arguments. The
            // subclass and its state are left out.
            guard arguments.count >= 3, let function = self.global(arguments[0]), let inner = elements(arguments[2])
            else { throw Self.unreadable(name, global) }
            return try rebuilt(function, inner, name: name)
        case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3":
            return try rebuilt(global, arguments, name: name)
        case "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct",
            "numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer":
            return try array(value, name: name)
        default: return nil
        }
    }

    /// Returns the tensor inside a parameter. It must not be another parameter, so that nesting cannot grow.
    private func rebuilt(_ value: PickleValue, name: String) throws -> StoredTensor {
        guard let (global, arguments) = call(value) else { throw Failure(.data, "parameter `\(name)` has no tensor") }
        return try rebuilt(global, arguments, name: name)
    }

    private func rebuilt(_ global: PickleGlobal, _ arguments: [PickleValue], name: String) throws -> StoredTensor {
        let isUntyped = global == PickleGlobal("torch._utils", "_rebuild_tensor_v3")
        guard global.module == "torch._utils", global.name.hasPrefix("_rebuild_tensor"),
            arguments.count >= (isUntyped ? 7 : 4), let storage = try storage(arguments[0], name: name),
            let offset = integer(arguments[1]), let shape = integers(arguments[2]), let strides = integers(arguments[3])
        else { throw Self.unreadable(name, global) }
        let told = isUntyped ? self.global(arguments[6]) : nil
        guard let type = isUntyped ? told.flatMap({ TorchType.named($0.name) }) : storage.type else {
            throw UnreadElementType(type: told.map { "\($0)" } ?? "?", shape: shape)
        }
        return try StoredTensor(
            storage: storage, type: type, offset: offset, shape: shape, strides: strides, name: name)
    }

    private static func unreadable(_ name: String, _ global: PickleGlobal) -> Failure {
        Failure(.data, "tensor `\(name)` is made by `\(global)`, which is not allowed or not understood here")
    }

    // MARK: - Storages

    /// Returns the storage that `value` is, either a persistent identifier or a whole torch.save stream inside the
    /// pickle; nil if it is something else.
    private func storage(_ value: PickleValue, name: String) throws -> StoredTensor.Storage? {
        if let storage = try persistentStorage(value) { return storage }
        guard let (global, arguments) = call(value), global == PickleGlobal("torch.storage", "_load_from_bytes"),
            case .bytes(let range)? = arguments.first
        else { return nil }
        return try locating("storage of `\(name)`") { try TorchStream(region.part(range)).singleStorage() }
    }

    /// Returns the storage of a persistent identifier ('storage', class, key, location, count, ...); nil if `value` is
    /// something else.
    func persistentStorage(_ value: PickleValue) throws -> StoredTensor.Storage? {
        guard let object = object(value), object.kind == .persistent, let parts = elements(object.arguments),
            parts.count >= 5, string(parts[0]) == "storage", let type = global(parts[1]),
            let key = string(parts[2]) ?? integer(parts[2]).map(String.init), let count = integer(parts[4])
        else { return nil }
        // PyTorch 0.1 could put a view (key, offset, size) of another storage last; now None stands there.
        guard parts.count == 5 || parts[5] == .none else {
            throw Failure(.data, "storage \(key) is a view of another, as PyTorch 0.1 wrote")
        }
        if type.name == "UntypedStorage" { return .init(place: .key(key), type: nil, count: count) }
        guard let element = TorchType.storage(type.name), type.standing == .allowed else {
            throw UnreadElementType(type: "\(type)")
        }
        return .init(place: .key(key), type: element, count: count)
    }

    /// Returns the element type of every storage that the pickle names by a key; nil for untyped storages. Throws
    /// `.data` if a storage has two types.
    func storageTypes() throws -> [String: DataType?] {
        var types: [String: DataType?] = [:]
        for index in objects.indices {
            let storage: StoredTensor.Storage?
            do {
                storage = try persistentStorage(.object(index))
            } catch let fault as UnreadElementType {
                throw Failure(.data, "holds a storage of type `\(fault.type)`, which is not read")
            }
            guard let storage, case .key(let key) = storage.place else { continue }
            if let known = types[key], known != storage.type {
                throw Failure(.data, "storage \(key) has two element types")
            }
            types[key] = .some(storage.type)
        }
        return types
    }
}
