import Checkpoints

/// A PyTorch zip file that holds one dictionary with one float32 vector: what LD3's own trainer saves.
enum TorchListFile {
    /// The bytes of `torch.save({name: torch.tensor(values, dtype=torch.float32)})`.
    static func bytes(name: String, _ values: [Double]) throws -> [UInt8] {
        var archive = ZipWriter(alignment: 64)
        try archive.add("archive/data.pkl", pickle(name: name, count: values.count))
        try archive.add("archive/byteorder", Array("little".utf8))
        try archive.add("archive/data/0", values.flatMap { littleEndian(Float($0).bitPattern) })
        try archive.add("archive/version", Array("3\n".utf8))
        return archive.finished()
    }

    private static func littleEndian(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    /// Protocol 2: {name: torch._utils._rebuild_tensor_v2(storage, 0, (count,), (1,), False, OrderedDict())}.
    private static func pickle(name: String, count: Int) -> [UInt8] {
        func text(_ value: String) -> [UInt8] {
            [UInt8(ascii: "X")] + littleEndian(UInt32(value.utf8.count)) + Array(value.utf8)
        }
        func global(_ module: String, _ name: String) -> [UInt8] { Array("c\(module)\n\(name)\n".utf8) }
        func integer(_ value: Int) -> [UInt8] { [UInt8(ascii: "J")] + littleEndian(UInt32(value)) }
        let (mark, tuple): ([UInt8], [UInt8]) = ([UInt8(ascii: "(")], [UInt8(ascii: "t")])
        let single: [UInt8] = [0x85]
        let storage =
            mark + text("storage") + global("torch", "FloatStorage") + text("0") + text("cpu") + integer(count) + tuple
            + [UInt8(ascii: "Q")]
        let hooks = global("collections", "OrderedDict") + [UInt8(ascii: ")"), UInt8(ascii: "R")]
        let arguments =
            mark + storage + integer(0) + integer(count) + single + integer(1) + single + [0x89] + hooks + tuple
        let tensor = global("torch._utils", "_rebuild_tensor_v2") + arguments + [UInt8(ascii: "R")]
        return [0x80, 2, UInt8(ascii: "}")] + text(name) + tensor + [UInt8(ascii: "s"), UInt8(ascii: ".")]
    }
}
