import Checkpoints
import Formats

/// Writes pickles of protocol 2 operation by operation, well-formed or not.
struct PickleBuilder {
    private(set) var bytes: [UInt8] = [0x80, 2]

    /// The bytes with STOP behind them.
    var finished: [UInt8] { bytes + [UInt8(ascii: ".")] }

    mutating func raw(_ more: [UInt8]) { bytes += more }
    mutating func op(_ characters: String) { bytes += Array(characters.utf8) }

    mutating func text(_ value: String) {
        op("X")
        little(UInt32(value.utf8.count))
        op(value)
    }

    mutating func integer(_ value: Int) {
        bytes += [0x8a, 8]
        little(UInt64(bitPattern: Int64(value)))
    }

    mutating func global(_ module: String, _ name: String) { op("c\(module)\n\(name)\n") }

    mutating func tuple(_ values: [Int]) {
        op("(")
        for value in values { integer(value) }
        op("t")
    }

    /// ('storage', torch.TYPE, key, 'cpu', count) as a persistent identifier.
    mutating func storage(_ type: String, key: String, count: Int) {
        op("(")
        text("storage")
        global("torch", type)
        text(key)
        text("cpu")
        integer(count)
        op("tQ")
    }

    /// `_rebuild_tensor_v2(storage, offset, shape, strides, False, None)`.
    mutating func tensor(
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

    /// A dictionary of text keys; `value` writes each one's value.
    mutating func dictionary(_ keys: [String], value: (inout PickleBuilder, String) -> Void) {
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

    /// A pickle of what `body` writes.
    static func pickle(_ body: (inout PickleBuilder) -> Void) -> [UInt8] {
        var builder = PickleBuilder()
        body(&builder)
        return builder.finished
    }
}

/// PyTorch zip archives and legacy streams around given pickles.
enum TorchFiles {
    static func archive(
        _ pickle: [UInt8], storages: [String: [UInt8]], byteOrder: String = "little"
    ) throws -> [UInt8] {
        var writer = ZipWriter(alignment: 64)
        try writer.add("archive/data.pkl", pickle)
        try writer.add("archive/byteorder", Array(byteOrder.utf8))
        for (key, bytes) in storages.sorted(by: { $0.key < $1.key }) { try writer.add("archive/data/\(key)", bytes) }
        return writer.finished()
    }

    /// `keys` in the order of `data`, which holds each storage's count and bytes.
    static func stream(_ pickle: [UInt8], keys: [String], data: [UInt8], isBigEndian: Bool = false) -> [UInt8] {
        let magic: [UInt8] = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19]
        let version = PickleBuilder.pickle { $0.integer(1001) }
        let system = PickleBuilder.pickle {
            $0.dictionary(["little_endian"]) { builder, _ in builder.raw([isBigEndian ? 0x89 : 0x88]) }
        }
        let list = PickleBuilder.pickle { builder in
            builder.op("](")
            for key in keys { builder.text(key) }
            builder.op("e")
        }
        return magic + [UInt8(ascii: ".")] + version + system + pickle + list + data
    }

    static func open(_ bytes: [UInt8]) throws -> CheckpointFile {
        try CheckpointFile(ByteRegion(bytes), path: "memory")
    }

    static func floats(_ values: [Float]) -> [UInt8] { values.withUnsafeBytes { Array($0) } }
}
