import Diagnostics
import Formats

/// Writes a dictionary of tensors as `torch.load` reads it (weights_only included): a zip archive with a pickle of
/// protocol 2 and a storage for each tensor.
package enum TorchWriter {
    /// Returns the bytes of the file. Throws `.cannotCreate` if PyTorch has no storage class for an element type.
    package static func serialize(_ tensors: [NamedTensor]) throws -> [UInt8] {
        var pickle = Pickle()
        var writer = ZipWriter(alignment: 64)
        pickle.raw([PickleOpcode.emptyDictionary.rawValue, PickleOpcode.mark.rawValue])
        for (index, tensor) in tensors.enumerated() {
            pickle.text(tensor.name)
            try pickle.tensor(tensor, key: String(index))
        }
        pickle.raw([PickleOpcode.setItems.rawValue, PickleOpcode.stop.rawValue])
        try writer.add("archive/data.pkl", pickle.bytes)
        try writer.add("archive/byteorder", Array("little".utf8))
        for (index, tensor) in tensors.enumerated() { try writer.add("archive/data/\(index)", tensor.bytes) }
        try writer.add("archive/version", Array("3\n".utf8))
        return writer.finished()
    }

    private struct Pickle {
        var bytes: [UInt8] = [PickleOpcode.proto.rawValue, 2]

        mutating func raw(_ more: [UInt8]) { bytes += more }
        mutating func op(_ opcode: PickleOpcode) { bytes.append(opcode.rawValue) }

        mutating func text(_ text: String) {
            op(.unicode)
            bytes.appendLittleEndian(UInt32(text.utf8.count))
            bytes += Array(text.utf8)
        }

        mutating func integer(_ value: Int) {
            raw([PickleOpcode.long1.rawValue, 8])
            bytes.appendLittleEndian(UInt64(bitPattern: Int64(value)))
        }

        mutating func global(_ module: String, _ name: String) { raw(Array("c\(module)\n\(name)\n".utf8)) }

        mutating func tuple(_ body: (inout Pickle) -> Void) {
            op(.mark)
            body(&self)
            op(.tuple)
        }

        /// Writes `_rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())`.
        mutating func tensor(_ tensor: NamedTensor, key: String) throws {
            guard let storage = TorchType.storageName(of: tensor.type) else {
                throw Failure(.cannotCreate, place: tensor.name, "PyTorch has no storage of \(tensor.type.rawValue)")
            }
            var strides = [Int](repeating: 1, count: tensor.shape.count)
            for axis in tensor.shape.indices.dropLast().reversed() {
                strides[axis] = strides[axis + 1] * tensor.shape[axis + 1]
            }
            let count = tensor.bytes.count / tensor.type.size
            global("torch._utils", "_rebuild_tensor_v2")
            tuple { pickle in
                pickle.tuple { inner in
                    inner.text("storage")
                    inner.global("torch", storage)
                    inner.text(key)
                    inner.text("cpu")
                    inner.integer(count)
                }
                pickle.op(.persistent)
                pickle.integer(0)
                pickle.tuple { inner in for dimension in tensor.shape { inner.integer(dimension) } }
                pickle.tuple { inner in for stride in strides { inner.integer(stride) } }
                pickle.op(.newFalse)
                pickle.global("collections", "OrderedDict")
                pickle.op(.emptyTuple)
                pickle.op(.reduce)
            }
            op(.reduce)
        }
    }
}
