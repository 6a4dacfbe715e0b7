import Checkpoints
import Formats
import TestSupport

/// Makes PyTorch zip archives and legacy streams around given pickles.
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

    /// Makes a legacy stream. `data` holds the count and the bytes of each storage in the order of `keys`.
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
