import Diagnostics
import Formats

/// Reads NumPy's arrays and scalars in pickles.
extension PickleDocument {
    /// Returns an array: `_reconstruct(...)` with the state (version, shape, dtype, Fortran order, bytes), or
    /// `_frombuffer(bytes, dtype, shape, order)` of protocol 5. Throws `.data` if it is not a plain array of numbers.
    func array(_ value: PickleValue, name: String) throws -> StoredTensor {
        let fault = Failure(.data, "array `\(name)` is not a plain array of numbers")
        guard let (global, arguments) = call(value) else { throw fault }
        let parts: (shape: PickleValue, type: PickleValue, data: PickleValue, isFortran: Bool)
        if global.name == "_frombuffer" {
            guard arguments.count == 4 else { throw fault }
            parts = (arguments[2], arguments[1], arguments[0], string(arguments[3]) == "F")
        } else {
            guard let state = elements(object(value)?.state), state.count == 5 else { throw fault }
            parts = (state[1], state[2], state[4], state[3] == .boolean(true))
        }
        guard let shape = integers(parts.shape), let (type, isBigEndian) = numpyType(parts.type),
            let data = try byteRegion(parts.data)
        else { throw fault }
        guard try type.byteCount(of: shape, tensor: name) == data.count else {
            throw Failure(
                .data, "array `\(name)` has \(counted(data.count, "byte")), which its shape \(shape) contradicts")
        }
        let storage = StoredTensor.Storage(
            place: .region(data), type: type, count: data.count / type.size, isBigEndian: isBigEndian)
        let strides = Self.strides(shape, isFortran: parts.isFortran)
        return try StoredTensor(storage: storage, type: type, offset: 0, shape: shape, strides: strides, name: name)
    }

    /// Returns the number of a NumPy scalar, `scalar(dtype, bytes)`; nil if `value` is something else.
    func numpyScalar(_ value: PickleValue) throws -> Double? {
        guard let (global, arguments) = call(value), global.name == "scalar",
            global.module.hasSuffix("core.multiarray"),
            arguments.count == 2, let (type, isBigEndian) = numpyType(arguments[0]),
            let data = try byteRegion(arguments[1]), data.count == type.size
        else { return nil }
        let bytes = isBigEndian ? data.array.reversed() : data.array
        let number: [Double] = bytes.withUnsafeBytes { type.widen($0) }
        return number.first
    }

    /// Returns the element type of `dtype('f8', False, True)` and the byte order in its state; nil if `value` is
    /// something else.
    private func numpyType(_ value: PickleValue) -> (type: DataType, isBigEndian: Bool)? {
        let codes: [String: DataType] = [
            "f8": .float64, "f4": .float32, "f2": .float16, "i8": .int64, "i4": .int32, "i2": .int16, "i1": .int8,
            "u8": .uint64, "u4": .uint32, "u2": .uint16, "u1": .uint8, "b1": .bool,
        ]
        guard let (global, arguments) = call(value), global == PickleGlobal("numpy", "dtype"),
            let code = string(arguments.first), let type = codes[code]
        else { return nil }
        let state = elements(object(value)?.state) ?? []
        return (type, state.count > 1 && string(state[1]) == ">")
    }

    /// Returns bytes that are given as bytes, as a bytearray, or, as Python 3 writes them for protocol 2, as text in
    /// Latin-1; nil if `value` is something else.
    private func byteRegion(_ value: PickleValue) throws -> ByteRegion? {
        switch value {
        case .bytes(let range): return try region.part(range)
        case .string(let text): return ByteRegion(Array(text.utf8))
        case .object:
            guard let (global, arguments) = call(value) else { return nil }
            if global.name == "bytearray", case .bytes(let range)? = arguments.first { return try region.part(range) }
            guard global == PickleGlobal("_codecs", "encode"), let text = string(arguments.first) else { return nil }
            let bytes = text.unicodeScalars.compactMap { UInt8(exactly: $0.value) }
            return bytes.count == text.unicodeScalars.count ? ByteRegion(bytes) : nil
        default: return nil
        }
    }

    private static func strides(_ shape: [Int], isFortran: Bool) -> [Int] {
        var strides = [Int](repeating: 1, count: shape.count)
        var step = 1
        for axis in isFortran ? Array(shape.indices) : shape.indices.reversed() {
            strides[axis] = step
            step *= max(shape[axis], 1)
        }
        return strides
    }
}
