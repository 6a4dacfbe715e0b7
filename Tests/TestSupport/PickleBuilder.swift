/// Writes pickles of protocol 2 operation by operation, well-formed or not.
package struct PickleBuilder {
    package private(set) var bytes: [UInt8] = [0x80, 2]

    package init() {}

    /// Returns the bytes with STOP behind them.
    package var finished: [UInt8] { bytes + [UInt8(ascii: ".")] }

    package mutating func raw(_ more: [UInt8]) { bytes += more }
    package mutating func op(_ characters: String) { bytes += Array(characters.utf8) }

    package mutating func text(_ value: String) {
        op("X")
        little(UInt32(value.utf8.count))
        op(value)
    }

    package mutating func integer(_ value: Int) {
        bytes += [0x8a, 8]
        little(UInt64(bitPattern: Int64(value)))
    }

    package mutating func global(_ module: String, _ name: String) { op("c\(module)\n\(name)\n") }

    package mutating func tuple(_ values: [Int]) {
        op("(")
        for value in values { integer(value) }
        op("t")
    }

    /// Writes ('storage', torch.TYPE, key, 'cpu', count) as a persistent identifier.
    package mutating func storage(_ type: String, key: String, count: Int) {
        op("(")
        text("storage")
        global("torch", type)
        text(key)
        text("cpu")
        integer(count)
        op("tQ")
    }

    /// Writes `_rebuild_tensor_v2(storage, offset, shape, strides, False, None)`.
    package mutating func tensor(
        _ type: String = "FloatStorage", key: String, count: Int, offset: Int = 0, shape: [Int], strides: [Int]
    ) {
        global("torch._utils", "_rebuild_tensor_v2")
        op("(")
        storage(type, key: key, count: count)
        integer(offset)
        tuple(shape)
        tuple(strides)
        bytes += [0x89]
        op("NtR")
    }

    /// Writes a dictionary of text keys; `value` writes the value of a key.
    package mutating func dictionary(_ keys: [String], value: (inout PickleBuilder, String) -> Void) {
        op("}(")
        for key in keys {
            text(key)
            value(&self, key)
        }
        op("u")
    }

    private mutating func little<Integer: FixedWidthInteger>(_ value: Integer) {
        withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
    }

    /// Returns the pickle of the operations that `body` writes.
    package static func pickle(_ body: (inout PickleBuilder) -> Void) -> [UInt8] {
        var builder = PickleBuilder()
        body(&builder)
        return builder.finished
    }
}
