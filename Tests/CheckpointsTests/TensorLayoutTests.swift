import Checkpoints
import Diagnostics
import Formats
import TestSupport
import Testing

/// Tensors that are views of storages: shared, offset, strided, expanded, or of the other byte order.
@Suite struct TensorLayoutTests {
    private let data = TorchFiles.floats((0..<12).map(Float.init))

    private func values(shape: [Int], strides: [Int], offset: Int = 0) throws -> [Float] {
        let pickle = PickleBuilder.pickle {
            $0.dictionary(["w"]) { builder, _ in
                builder.tensor(key: "0", count: 12, offset: offset, shape: shape, strides: strides)
            }
        }
        return try TorchFiles.open(TorchFiles.archive(pickle, storages: ["0": data])).floats("w")
    }

    @Test func transposedTensorsComeOutRowMajor() throws {
        #expect(try values(shape: [4, 3], strides: [1, 4]) == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11])
    }

    @Test func offsetsAndStepsAreFollowed() throws {
        #expect(try values(shape: [2, 2], strides: [6, 2], offset: 1) == [1, 3, 7, 9])
    }

    @Test func expandedDimensionsRepeat() throws {
        #expect(try values(shape: [2, 3], strides: [0, 1], offset: 9) == [9, 10, 11, 9, 10, 11])
    }

    @Test func scalarsAndEmptyTensors() throws {
        #expect(try values(shape: [], strides: [], offset: 5) == [5])
        #expect(try values(shape: [0, 7], strides: [7, 1]) == [])
    }

    @Test func tensorsShareStorages() throws {
        let pickle = PickleBuilder.pickle {
            $0.dictionary(["a", "b"]) { builder, name in
                builder.tensor(key: "0", count: 12, offset: name == "a" ? 0 : 6, shape: [6], strides: [1])
            }
        }
        let file = try TorchFiles.open(TorchFiles.archive(pickle, storages: ["0": data]))
        #expect(file.tensorNames == ["a", "b"])
        #expect(try file.floats("a") + file.floats("b") == (0..<12).map(Float.init))
    }

    @Test(arguments: [false, true])
    func bigEndianFilesAreSwapped(legacy: Bool) throws {
        let pickle = PickleBuilder.pickle {
            $0.dictionary(["w"]) { builder, _ in builder.tensor(key: "0", count: 2, shape: [2], strides: [1]) }
        }
        let swapped = [Float(1.5), -2].flatMap { value in withUnsafeBytes(of: value.bitPattern.bigEndian) { Array($0) }
        }
        let file =
            legacy
            ? TorchFiles.stream(pickle, keys: ["0"], data: [2, 0, 0, 0, 0, 0, 0, 0] + swapped, isBigEndian: true)
            : try TorchFiles.archive(pickle, storages: ["0": swapped], byteOrder: "big")
        let source = try TorchFiles.open(file)
        #expect(try source.floats("w") == [1.5, -2])
        #expect(try source.tensor("w").floats() == [1.5, -2])
    }

    @Test func everyStorageTypeIsWidened() throws {
        let types: [(String, [UInt8])] = [
            ("DoubleStorage", withUnsafeBytes(of: 3.0) { Array($0) }),
            ("HalfStorage", withUnsafeBytes(of: Float16(3)) { Array($0) }), ("BFloat16Storage", [0x40, 0x40]),
            ("LongStorage", [3, 0, 0, 0, 0, 0, 0, 0]), ("IntStorage", [3, 0, 0, 0]), ("ShortStorage", [3, 0]),
            ("CharStorage", [3]), ("ByteStorage", [3]),
        ]
        for (type, bytes) in types {
            let pickle = PickleBuilder.pickle {
                $0.dictionary(["w"]) { builder, _ in builder.tensor(type, key: "0", count: 1, shape: [1], strides: [1])
                }
            }
            #expect(
                try TorchFiles.open(TorchFiles.archive(pickle, storages: ["0": bytes])).floats("w") == [3], "\(type)")
        }
    }

    @Test(arguments: [
        ([13], [1], 0), ([2, 2], [11, 1], 0), ([1], [1], 12), ([2], [-1], 5), ([2], [1, 1], 0), ([-1], [1], 0),
        ([1 << 62, 4], [1, 1], 0), ([3], [1 << 62], 0), ([1 << 40], [0], 0), ([1], [1], -1), ([1], [1], .max),
        ([2], [.max], .max),
    ])
    func viewsBeyondTheStorageAreRefused(shape: [Int], strides: [Int], offset: Int) {
        let failure = #expect(throws: Failure.self) {
            _ = try values(shape: shape, strides: strides, offset: offset)
        }
        #expect(failure?.status == .data)
        #expect(failure?.message.contains("`w`") == true)
    }

    @Test func numpyArraysAreTensors() throws {
        let pickle = PickleBuilder.pickle { builder in
            builder.dictionary(["mu"]) { builder, _ in
                builder.global("numpy.core.multiarray", "_reconstruct")
                builder.op("(")
                builder.global("numpy", "ndarray")
                builder.tuple([0])
                builder.op("U\u{1}btR(")
                builder.integer(1)
                builder.tuple([2])
                builder.global("numpy", "dtype")
                builder.op("(U\u{2}f8")
                builder.integer(0)
                builder.integer(1)
                builder.op("tR(")
                builder.integer(3)
                builder.op("U\u{1}>NNN")
                builder.integer(-1)
                builder.integer(-1)
                builder.integer(0)
                builder.op("tb")
                builder.raw([0x89])
                builder.op("C\u{10}")
                for value in [0.5, -8.0] { withUnsafeBytes(of: value.bitPattern.bigEndian) { builder.raw(Array($0)) } }
                builder.op("tb")
            }
        }
        let file = try TorchFiles.open(pickle)
        #expect(file.type(of: "mu") == .float64)
        #expect(try file.tensor("mu").doubles() == [0.5, -8])
    }
}
