import Diagnostics

// This file turns bytes into numbers and back. Files and streams are little-endian, and so is every machine for which
// this package builds.

extension NamedTensor {
    /// The number of elements that the shape says.
    package var count: Int { shape.reduce(1, *) }

    /// Returns the elements, of any float or integer type, as Float, rounded if the type is wider. Booleans become 0
    /// and 1. Throws `.data` if bytes and shape contradict each other.
    package func floats() throws -> [Float] {
        try checkSize()
        return bytes.withUnsafeBytes { type.widen($0) }
    }

    /// Returns the elements, of any float or integer type, as Double. Booleans become 0 and 1. Throws `.data` if bytes
    /// and shape contradict each other.
    package func doubles() throws -> [Double] {
        try checkSize()
        return bytes.withUnsafeBytes { type.widen($0) }
    }

    /// Returns the elements as Int64. Throws `.data` if the type is a float, or if a value is above Int64's largest.
    package func int64s() throws -> [Int64] {
        try checkSize()
        guard !type.isFloat else { throw Failure(.data, "tensor `\(name)` is \(type.rawValue), not an integer type") }
        return try bytes.withUnsafeBytes { raw in
            guard let values = type.integers(raw) else {
                throw Failure(.data, "tensor `\(name)` has a value that does not fit a signed 64-bit integer")
            }
            return values
        }
    }

    /// Makes a tensor of type F32. There must be as many `floats` as `shape` says.
    package init(name: String, shape: [Int], floats: [Float]) {
        precondition(floats.count == shape.reduce(1, *))
        self.init(name: name, type: .float32, shape: shape, bytes: floats.withUnsafeBytes { [UInt8]($0) })
    }

    /// Makes a tensor of type F64. There must be as many `doubles` as `shape` says.
    package init(name: String, shape: [Int], doubles: [Double]) {
        precondition(doubles.count == shape.reduce(1, *))
        self.init(name: name, type: .float64, shape: shape, bytes: doubles.withUnsafeBytes { [UInt8]($0) })
    }

    /// Makes a tensor of type I64. There must be as many `int64s` as `shape` says.
    package init(name: String, shape: [Int], int64s: [Int64]) {
        precondition(int64s.count == shape.reduce(1, *))
        self.init(name: name, type: .int64, shape: shape, bytes: int64s.withUnsafeBytes { [UInt8]($0) })
    }

    private func checkSize() throws {
        guard try type.byteCount(of: shape, tensor: name) == bytes.count else {
            throw Failure(
                .data, "tensor `\(name)` has \(counted(bytes.count, "byte")), which its shape \(shape) contradicts")
        }
    }
}

extension DataType {
    /// The largest number of dimensions of a tensor in a file or stream.
    package static let maximumRank = 8

    /// Returns the number of bytes of a tensor of `shape`. Throws `.data`, naming `tensor`, if there are too many
    /// dimensions, if one is negative, or if the product overflows.
    package func byteCount(of shape: [Int], tensor: String) throws -> Int {
        guard shape.count <= Self.maximumRank else {
            throw Failure(.data, "tensor `\(tensor)` has \(shape.count) dimensions, more than \(Self.maximumRank)")
        }
        // The check for overflow leaves zeros out, so that [0, 2^62, 2^62] is refused in any order.
        var total = size
        for dimension in shape {
            guard dimension >= 0 else {
                throw Failure(.data, "tensor `\(tensor)` has a negative dimension in \(shape)")
            }
            let (product, overflow) = total.multipliedReportingOverflow(by: max(dimension, 1))
            guard !overflow else { throw Failure(.data, "the size of tensor `\(tensor)` overflows: shape \(shape)") }
            total = product
        }
        return shape.contains(0) ? 0 : total
    }

    /// Returns the elements in `raw` as numbers of the wanted float type.
    package func widen<Number: BinaryFloatingPoint>(_ raw: UnsafeRawBufferPointer) -> [Number] {
        switch self {
        case .float64: elements(raw) { (value: Double) in Number(value) }
        case .float32: elements(raw) { (value: Float) in Number(value) }
        case .float16: elements(raw) { (value: UInt16) in Number(Float16(bitPattern: value)) }
        case .bfloat16: elements(raw) { (value: UInt16) in Number(Float(bitPattern: UInt32(value) << 16)) }
        case .int64: elements(raw) { (value: Int64) in Number(value) }
        case .int32: elements(raw) { (value: Int32) in Number(value) }
        case .int16: elements(raw) { (value: Int16) in Number(value) }
        case .int8: elements(raw) { (value: Int8) in Number(value) }
        case .uint64: elements(raw) { (value: UInt64) in Number(value) }
        case .uint32: elements(raw) { (value: UInt32) in Number(value) }
        case .uint16: elements(raw) { (value: UInt16) in Number(value) }
        case .uint8: elements(raw) { (value: UInt8) in Number(value) }
        case .bool: elements(raw) { (value: UInt8) in value == 0 ? 0 : 1 }
        }
    }

    /// Returns the elements in `raw` as Int64; nil if the type is a float or if a value does not fit.
    fileprivate func integers(_ raw: UnsafeRawBufferPointer) -> [Int64]? {
        switch self {
        case .float64, .float32, .float16, .bfloat16: return nil
        case .int64: return elements(raw) { (value: Int64) in value }
        case .int32: return elements(raw) { (value: Int32) in Int64(value) }
        case .int16: return elements(raw) { (value: Int16) in Int64(value) }
        case .int8: return elements(raw) { (value: Int8) in Int64(value) }
        case .uint64:
            let values = elements(raw) { (value: UInt64) in value }
            return values.allSatisfy { $0 <= UInt64(Int64.max) } ? values.map { Int64($0) } : nil
        case .uint32: return elements(raw) { (value: UInt32) in Int64(value) }
        case .uint16: return elements(raw) { (value: UInt16) in Int64(value) }
        case .uint8: return elements(raw) { (value: UInt8) in Int64(value) }
        case .bool: return elements(raw) { (value: UInt8) in value == 0 ? 0 : 1 }
        }
    }
}

/// Returns each whole `Stored` of `raw`, converted; `raw` may have any alignment.
@inline(__always)
private func elements<Stored: BitwiseCopyable, Number>(
    _ raw: UnsafeRawBufferPointer, _ convert: (Stored) -> Number
) -> [Number] {
    let size = MemoryLayout<Stored>.size
    let count = raw.count / size
    return [Number](unsafeUninitializedCapacity: count) { target, written in
        for index in 0..<count {
            target.initializeElement(
                at: index, to: convert(raw.loadUnaligned(fromByteOffset: index * size, as: Stored.self)))
        }
        written = count
    }
}
