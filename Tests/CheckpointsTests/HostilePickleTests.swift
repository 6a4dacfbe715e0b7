import Checkpoints
import Diagnostics
import Formats
import TestSupport
import Testing

/// Pickles and PyTorch files that were made to do harm. Each is refused with one line, or its harm is inert.
@Suite struct HostilePickleTests {
    private func refusal(_ bytes: [UInt8]) -> Failure? {
        let failure = #expect(throws: Failure.self) { _ = try TorchFiles.open(bytes) }
        #expect(failure?.status == .data)
        #expect(failure?.description.contains("\n") == false)
        return failure
    }

    @Test(arguments: [
        ("os", "system"), ("posix", "system"), ("builtins", "eval"), ("__builtin__", "exec"),
        ("subprocess", "Popen"), ("torch.hub", "load"), ("my_package.nets", "Net"),
    ])
    func globalsOutsideTheListAreNamed(module: String, name: String) {
        let pickle = PickleBuilder.pickle {
            $0.global(module, name)
            $0.op("(")
            $0.text("touch owned")
            $0.op("tR")
        }
        #expect(refusal(pickle)?.message == "the pickle asks for global `\(module).\(name)`, which is not allowed")
    }

    @Test func harmfulGlobalsAreRefusedBesideTensorsToo() throws {
        let pickle = PickleBuilder.pickle {
            $0.dictionary(["w", "x"]) { builder, key in
                if key == "w" { return builder.tensor(key: "0", count: 1, shape: [1], strides: [1]) }
                builder.global("os", "system")
                builder.op("(")
                builder.text("true")
                builder.op("tR")
            }
        }
        let failure = refusal(try TorchFiles.archive(pickle, storages: ["0": [0, 0, 0, 0]]))
        #expect(failure?.message.contains("`os.system`") == true)
    }

    @Test func foreignClassesBesideTensorsAreLeftOut() throws {
        let pickle = PickleBuilder.pickle {
            $0.dictionary(["w", "callback"]) { builder, key in
                if key == "w" { return builder.tensor(key: "0", count: 1, shape: [1], strides: [1]) }
                builder.global("pytorch_lightning.callbacks", "ModelCheckpoint")
                builder.op(")R")
            }
        }
        let file = try TorchFiles.open(TorchFiles.archive(pickle, storages: ["0": [0, 0, 0x80, 0x3f]]))
        #expect(file.tensorNames == ["w"])
        #expect(file.foreignGlobals == ["pytorch_lightning.callbacks.ModelCheckpoint"])
        #expect(try file.floats("w") == [1])
    }

    @Test func tensorsMadeByForeignFunctionsAreNamed() throws {
        let pickle = PickleBuilder.pickle {
            $0.dictionary(["w", "q"]) { builder, key in
                if key == "w" { return builder.tensor(key: "0", count: 1, shape: [1], strides: [1]) }
                builder.global("my_package.quantized", "rebuild")
                builder.op("(")
                builder.storage("FloatStorage", key: "0", count: 1)
                builder.op("tR")
            }
        }
        let failure = refusal(try TorchFiles.archive(pickle, storages: ["0": [0, 0, 0, 0]]))
        #expect(failure?.message == "`q` is a tensor made by `my_package.quantized.rebuild`, which is not allowed")
    }

    @Test(arguments: ["pt", "legacy.pt", "pkl"])
    func truncatedFilesAreRefused(container: String) throws {
        let whole = ByteRegion(try MappedFile(path: Fixtures.path("checkpoints/ddpmpp_cond_edm.\(container)")))
        for length in Array(0..<64) + stride(from: 64, to: whole.count, by: 9973) {
            let part = try whole.part(at: 0, count: length).array
            _ = refusal(part)
        }
    }

    @Test func truncatedPicklesAreRefused() {
        let pickle = PickleBuilder.pickle {
            $0.dictionary(["a", "b"]) { builder, _ in builder.tuple([1, 2, 3]) }
        }
        for length in 0..<pickle.count { _ = refusal(Array(pickle.prefix(length))) }
    }

    @Test func cyclesAreFollowedOnce() {
        // The pickles are l = []; l.append(l) and d = {}; d['ema'] = d.
        #expect(refusal([0x80, 2] + Array("]q\0h\0a.".utf8))?.message.contains("nested too deep") == true)
        #expect(
            refusal([0x80, 2] + Array("}q\0U\u{3}emah\0s.".utf8))?.message.contains("nested too deep") == true)
    }

    @Test func deepNestingDoesNotExhaustTheStack() {
        let depth = 300_000
        let lists = [UInt8](repeating: UInt8(ascii: "]"), count: depth)
        let appends = [UInt8](repeating: UInt8(ascii: "a"), count: depth - 1)
        #expect(
            refusal([0x80, 2] + lists + appends + [UInt8(ascii: ".")])?.message.contains("nested too deep") == true)
    }

    /// Each list holds the list before it twice, so 2^40 paths lead to the innermost one.
    @Test func sharedContainersDoNotMultiply() {
        var pickle: [UInt8] = [0x80, 2] + Array("]q\0".utf8)
        for _ in 0..<40 { pickle += Array("0](h\0h\0eq\0".utf8) }
        #expect(refusal(pickle + [UInt8(ascii: ".")])?.message.contains("nested too deep or too wide") == true)
    }

    @Test func countsAreLimited() {
        let objects = [UInt8](repeating: UInt8(ascii: ")"), count: PickleMachine.maximumObjects + 1)
        #expect(refusal([0x80, 2] + objects)?.message.contains("objects") == true)
        let operations = [UInt8](repeating: UInt8(ascii: "N"), count: PickleMachine.maximumOperations + 1)
        #expect(refusal([0x80, 2] + operations)?.message.contains("operations") == true)
    }

    @Test(
        arguments: [
            [0x8d, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [0x8e, 0, 0, 0, 0, 0, 0, 0, 0x40],
            [0x8b, 0xff, 0xff, 0xff, 0x7f], [0x42, 0xff, 0xff, 0xff, 0xff], [0x58, 0, 0, 0, 2],
        ] as [[UInt8]])
    func lyingLengthsReserveNothing(operation: [UInt8]) {
        _ = refusal([0x80, 4] + operation + [0x2e])
    }

    @Test(arguments: [
        ".", "0.", "2.", "R.", "a.", "s.", "(t", "t.", "u.", "(1.", "h\u{5}.", "}(Nu.", "N)b.", "K\u{1}a.", "Qx",
        "\u{1}.",
        "cos\n", "I9999999999999999999999\n.", "}N.", "((N.", "P1\n.", "\u{12}.", "(N0.",
    ])
    func malformedOperationsAreRefused(operations: String) {
        _ = refusal([0x80, 2] + Array(operations.utf8))
    }

    @Test func nestedStreamsDoNotNest() {
        // The bytes of the storage are a stream whose object is again a storage given by bytes.
        var inner: [UInt8] = [0]
        for _ in 0..<4 {
            let bytes = inner
            let pickle = PickleBuilder.pickle {
                $0.global("torch.storage", "_load_from_bytes")
                $0.op("(B")
                $0.raw(withUnsafeBytes(of: UInt32(bytes.count)) { Array($0) } + bytes)
                $0.op("tR")
            }
            inner = TorchFiles.stream(pickle, keys: [], data: [])
        }
        let bytes = inner
        let pickle = PickleBuilder.pickle {
            $0.dictionary(["w"]) { builder, _ in
                builder.global("torch._utils", "_rebuild_tensor_v2")
                builder.op("(")
                builder.global("torch.storage", "_load_from_bytes")
                builder.op("(B")
                builder.raw(withUnsafeBytes(of: UInt32(bytes.count)) { Array($0) } + bytes)
                builder.op("tR")
                builder.integer(0)
                builder.tuple([1])
                builder.tuple([1])
                builder.raw([0x89])
                builder.op("NtR")
            }
        }
        #expect(refusal(pickle)?.message == "the nested torch.save stream holds no storage")
    }

    @Test func storagesMustBeThereAndLongEnough() throws {
        let pickle = PickleBuilder.pickle {
            $0.dictionary(["w"]) { builder, _ in builder.tensor(key: "0", count: 4, shape: [4], strides: [1]) }
        }
        #expect(refusal(try TorchFiles.archive(pickle, storages: [:]))?.message == "storage 0 is missing")
        #expect(
            refusal(try TorchFiles.archive(pickle, storages: ["0": [1, 2, 3]]))?.message.contains("too few") == true)
        _ = refusal(TorchFiles.stream(pickle, keys: ["0"], data: [4, 0, 0, 0, 0, 0, 0, 0, 1]))
        _ = refusal(TorchFiles.stream(pickle, keys: ["0"], data: [UInt8](repeating: 0xff, count: 64)))
        _ = refusal(TorchFiles.stream(pickle, keys: ["1"], data: [4, 0, 0, 0, 0, 0, 0, 0, 1]))
        _ = refusal(TorchFiles.stream(pickle, keys: [], data: []))
    }

    @Test func unreadStorageTypesAreNamed() throws {
        for type in ["ComplexFloatStorage", "QInt8Storage"] {
            let pickle = PickleBuilder.pickle {
                $0.dictionary(["w"]) { builder, _ in builder.tensor(type, key: "0", count: 1, shape: [1], strides: [1])
                }
            }
            let failure = refusal(try TorchFiles.archive(pickle, storages: ["0": [0, 0, 0, 0, 0, 0, 0, 0]]))
            #expect(failure?.message.contains("`torch.\(type)`") == true)
        }
    }

    /// PyTorch writes quantized tensors so, and tensors of types that are younger than its typed storages.
    @Test func unreadElementTypesAreNamed() throws {
        func message(_ function: String, _ storage: String, _ type: String?) throws -> String? {
            let pickle = PickleBuilder.pickle {
                $0.dictionary(["w"]) { builder, _ in
                    builder.global("torch._utils", function)
                    builder.op("(")
                    builder.storage(storage, key: "0", count: 8)
                    builder.integer(0)
                    builder.tuple([1])
                    builder.tuple([1])
                    builder.raw([0x89])
                    builder.op("N")
                    if let type { builder.global("torch", type) }
                    builder.op("tR")
                }
            }
            return refusal(
                try TorchFiles.archive(pickle, storages: ["0": [UInt8](repeating: 0, count: 8)]))?.message
        }
        for type in ["complex32", "float8_e4m3fn"] {
            #expect(
                try message("_rebuild_tensor_v3", "UntypedStorage", type)
                    == "tensor `w` is of type `torch.\(type)`, which is not read")
        }
        #expect(
            try message("_rebuild_qtensor", "QInt8Storage", nil)
                == "tensor `w` is of type `torch.QInt8Storage`, which is not read")
    }

    @Test func otherFilesAreRecognized() {
        #expect(refusal([])?.message == "is empty")
        #expect(
            refusal(Array("version https://git-lfs.github.com/spec/v1\n".utf8))?.message.contains("Git LFS") == true)
        #expect(refusal(Array("<!DOCTYPE html>".utf8))?.message == "is a web page, not a checkpoint")
        #expect(refusal([0x81, 1, 2, 3])?.message == "is not a checkpoint that is read: it begins with 81 01 02 03")
    }
}
