import Checkpoints
import Diagnostics
import Formats
import Images
import TestSupport

/// Readers of whole files.
enum FileTargets {
    static func all() throws -> [Target] {
        [try safetensors(), try npy(), try json()] + (try zipped()) + (try pickled()) + [try png()]
    }

    private static let tensors = [
        NamedTensor(name: "a", shape: [2, 3], floats: [1, 2, 3, 4, 5, 6]),
        NamedTensor(name: "b.c", shape: [4], doubles: [0.5, -1, .infinity, 1e300]),
        NamedTensor(name: "seeds", shape: [1, 2], int64s: [3, 1 << 40]),
        NamedTensor(name: "h", type: .float16, shape: [2, 1], bytes: [0, 0x3c, 1, 2]),
        NamedTensor(name: "none", shape: [0, 5], floats: []),
    ]

    private static func fixture(_ name: String) throws -> [UInt8] {
        ByteRegion(try MappedFile(path: Fixtures.path(name))).array
    }

    /// Every tensor in every form that a stage may ask for.
    private static func widen(_ tensors: [NamedTensor]) throws {
        for tensor in tensors {
            _ = try tensor.floats()
            _ = try tensor.doubles()
            if !tensor.type.isFloat { _ = try tensor.int64s() }
        }
    }

    private static func safetensors() throws -> Target {
        let image = Safetensors.serialize(metadata: ["config": "{\"precond\": \"EDMPrecond\"}"], tensors: tensors)
        let words = ["\"F64\"", "\"BOOL\"", "[0,0]", "9223372036854775807", "-1", "1e99", "{}", "\"a\":", "null"]
        return Target(
            name: "safetensors", weight: 10,
            corpus: [image, try fixture("checkpoints/vgg.safetensors")], words: words.map(\.bytes)
        ) {
            try widen(Safetensors.parse($0).tensors)
        }
    }

    private static func npy() throws -> Target {
        var files = try tensors.map { try NPY.serialize($0) }
        let fortran = "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 2)}\n"
        files.append(
            NPY.magic + [1, 0, UInt8(fortran.utf8.count), 0] + fortran.bytes + [UInt8](repeating: 7, count: 32))
        let words = ["'<f4'", "'|O'", "'>f8'", "True", "(2,)", "()", "99999999999999999999", "'shape':", "\n"]
        return Target(name: "npy", weight: 10, corpus: files, words: words.map(\.bytes)) {
            try widen([NPY.parse($0, name: "array")])
        }
    }

    private static func json() throws -> Target {
        let documents = [
            "{\"precond\": \"EDMPrecond\", \"init_kwargs\": {\"channel_mult\": [1, 2, 2], \"x\": -1.5e-3, \"y\": null}}",
            "[true, false, \"\\u00e9\\ud83d\\ude00\\n\", [[[[{}]]]], 12345678901234567890, 0.1]",
        ]
        let words = ["{\"", "[", "]", "}", "\\u", "\\ud800", "1e999", "-", "\"\"", ":", ",", "[[[[[[[[[[[[[[[["]
        return Target(name: "json", weight: 10, corpus: documents.map(\.bytes), words: words.map(\.bytes)) {
            let document = try JSONValue(parsing: $0)
            guard try JSONValue(parsing: document.text) == document else {
                throw Mishap(text: "a document does not come back: \(document.text)")
            }
        }
    }

    // MARK: - Zip

    private static func zipped() throws -> [Target] {
        let archives = [
            try NPZFile.serialize(tensors), try fixture("checkpoints/npz/edm_style_compressed.npz"),
        ]
        let words: [[UInt8]] = [
            [0x50, 0x4b, 1, 2], [0x50, 0x4b, 3, 4], [0x50, 0x4b, 5, 6], [0x50, 0x4b, 6, 6], [0x50, 0x4b, 6, 7],
            [1, 0, 16, 0], "../".bytes,
        ]
        let arrays = Target(name: "npz", weight: 10, corpus: archives, words: words) { bytes in
            let file = try NPZFile(ByteRegion(bytes), path: "memory")
            for name in file.names { try widen([file.array(name)]) }
        }
        // A damaged array inside a sound archive.
        let member = Target(name: "npz member", weight: 5, corpus: try tensors.map { try NPY.serialize($0) }) { bytes in
            var writer = ZipWriter()
            try writer.add("mu.npy", bytes)
            try widen([NPZFile(ByteRegion(writer.finished()), path: "memory").array("mu")])
        }
        let deflated = Target(
            name: "inflate", weight: 5,
            corpus: try archives.dropFirst().map { archive in
                let zip = try ZipArchive(ByteRegion(archive))
                let largest = zip.members.max { $0.count < $1.count }
                return try largest.map { try ByteRegion(archive).part($0.range).array } ?? []
            }
        ) { bytes in
            _ = try ByteRegion(bytes).inflated(to: 18560)
        }
        return [arrays, member, deflated]
    }

    // MARK: - Checkpoints

    private static func pickled() throws -> [Target] {
        let archive = try TorchWriter.serialize(
            tensors.map { tensor in
                tensor.type == .float16
                    ? tensor
                    : NamedTensor(name: tensor.name, type: tensor.type, shape: tensor.shape, bytes: tensor.bytes)
            })
        let zip = try ZipArchive(ByteRegion(archive))
        let pickle = try zip["archive/data.pkl"].map { try zip.contents(of: $0).array } ?? []
        let globals = ["os\nsystem\n", "torch\nDoubleStorage\n", "builtins\ngetattr\n", "collections\nOrderedDict\n"]
        let words: [[UInt8]] =
            globals.map { "c\($0)".bytes }
            + ["(", "t", "R", "Q", "b", "u", "}", "]q\0", "h\0", "2", "0", ".", "a"].map(\.bytes)
            + [[0x8a, 9], [0x8d, 0, 0, 0, 0, 0, 0, 0, 0x80], [0x94], [0x93], [0x81], [0x95]]
        return [
            Target(name: "torch zip", weight: 5, corpus: [archive], words: words) { try open($0) },
            // A damaged pickle inside a sound archive.
            Target(name: "torch zip pickle", weight: 20, corpus: [pickle], words: words) { bytes in
                var writer = ZipWriter()
                try writer.add("archive/data.pkl", bytes)
                for key in 0..<5 { try writer.add("archive/data/\(key)", [UInt8](repeating: 1, count: 64)) }
                try open(writer.finished())
            },
            Target(
                name: "torch legacy", weight: 10, corpus: [try fixture("checkpoints/vgg.pth")], words: words,
                read: { try open($0) }),
            Target(name: "nvidia pickle", weight: 20, corpus: [SmallNetwork.pickle], words: words) { try open($0) },
            Target(
                name: "whole checkpoints", weight: 0,
                corpus: try ["pkl", "pt", "legacy.pt"].map { try fixture("checkpoints/ddpmpp_cond_edm.\($0)") },
                words: words, read: { try open($0) }),
        ]
    }

    private static func open(_ bytes: [UInt8]) throws {
        let file = try CheckpointFile(ByteRegion(bytes), path: "memory")
        for name in file.tensorNames {
            _ = try file.floats(name)
            _ = try file.tensor(name)
        }
    }

    // MARK: - PNG

    private static func png() throws -> Target {
        let gray = Image(width: 5, height: 3, channels: 1, pixels: Array(0..<15))
        let files = [try PNG.encode(gray), try fixture("fid/images/0.png")]
        let words = [
            "IHDR", "IDAT", "PLTE", "tRNS", "iCCP", "IEND", "gAMA", "cHRM", "sRGB", "cICP", "sBIT", "bKGD", "hIST",
            "pHYs", "sPLT", "tIME", "eXIf", "tEXt", "zTXt", "iTXt", "acTL", "fcTL", "fdAT", "\u{0}\u{0}\u{b1}\u{8f}",
        ].map(\.bytes)
        return Target(name: "png", weight: 5, corpus: files, words: words, repair: { PNGChunks.withChecksums($0) }) {
            _ = try PNG.decode($0)
        }
    }
}
