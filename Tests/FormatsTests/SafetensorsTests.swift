import Diagnostics
import Formats
import TestSupport
import Testing

/// Returns an image with this header text and this many zero bytes of data.
private func image(_ header: String, data: Int) -> [UInt8] {
    let text = Array(header.utf8)
    return withUnsafeBytes(of: UInt64(text.count)) { Array($0) } + text + [UInt8](repeating: 0, count: data)
}

private func entry(_ name: String, _ type: String, _ shape: String, _ offsets: String) -> String {
    #""\#(name)":{"dtype":"\#(type)","shape":\#(shape),"data_offsets":\#(offsets)}"#
}

@Suite struct SafetensorsTests {
    private let tensors = [
        NamedTensor(name: "half", type: .float16, shape: [1], bytes: [0x00, 0x3C]),
        NamedTensor(name: "x", shape: [2, 3], floats: [1, -2, 3.5, 0, .infinity, .leastNonzeroMagnitude]),
        NamedTensor(name: "seed", shape: [2], int64s: [7, -1]), NamedTensor(name: "none", shape: [0, 4], floats: []),
        NamedTensor(name: "flag", type: .bool, shape: [3], bytes: [1, 0, 1]),
        NamedTensor(name: "scalar", shape: [], doubles: [0.1]),
    ]

    @Test func roundTripKeepsEverything() throws {
        let metadata = ["ld3.kind": "noise", "text": "\"quoted\"\né"]
        let (read, again) = try Safetensors.parse(Safetensors.serialize(metadata: metadata, tensors: tensors))
        #expect(read == metadata)
        #expect(Set(again.map(\.name)) == Set(tensors.map(\.name)))
        for tensor in tensors { #expect(again.first { $0.name == tensor.name } == tensor) }
    }

    @Test func tensorsAreAligned() throws {
        let image = Safetensors.serialize(metadata: [:], tensors: tensors)
        let (header, start) = try image.withUnsafeBytes { try Safetensors.header(of: $0) }
        for entry in header.entries { #expect((start + entry.range.lowerBound) % entry.type.size == 0) }
    }

    @Test(arguments: [
        ("empty image", []), ("length cut short", [1, 0, 0]), ("header too large", [255, 255, 255, 255, 0, 0, 0, 0]),
        ("header length overflows", [UInt8](repeating: 255, count: 8)),
        ("header longer than the image", [100, 0, 0, 0, 0, 0, 0, 0, 0x7B, 0x7D]),
        ("not an object", image("[]", data: 0)), ("spaces before the brace", image(" {}", data: 0)),
        ("bytes without a tensor", image("{}", data: 1)),
        ("hole at the start", image("{" + entry("a", "U8", "[1]", "[1,2]") + "}", data: 2)),
        (
            "hole between",
            image("{" + entry("a", "U8", "[1]", "[0,1]") + "," + entry("b", "U8", "[1]", "[2,3]") + "}", data: 3)
        ),
        (
            "overlap",
            image("{" + entry("a", "U8", "[2]", "[0,2]") + "," + entry("b", "U8", "[2]", "[1,3]") + "}", data: 3)
        ),
        (
            "two tensors in one place",
            image("{" + entry("a", "U8", "[2]", "[0,2]") + "," + entry("b", "U8", "[2]", "[0,2]") + "}", data: 2)
        ),
        ("data cut short", image("{" + entry("a", "F32", "[2]", "[0,8]") + "}", data: 7)),
        ("data too long", image("{" + entry("a", "F32", "[2]", "[0,8]") + "}", data: 9)),
        ("shape contradicts offsets", image("{" + entry("a", "F32", "[3]", "[0,8]") + "}", data: 8)),
        ("shape overflows", image("{" + entry("a", "F32", "[4611686018427387904,4]", "[0,0]") + "}", data: 0)),
        (
            "shape overflows beside a zero",
            image("{" + entry("a", "F32", "[0,4611686018427387904,4]", "[0,0]") + "}", data: 0)
        ),
        ("negative dimension", image("{" + entry("a", "F32", "[-1]", "[0,4]") + "}", data: 4)),
        ("too many dimensions", image("{" + entry("a", "U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]") + "}", data: 1)),
        ("fraction in the shape", image("{" + entry("a", "U8", "[1.0]", "[0,1]") + "}", data: 1)),
        ("offsets backwards", image("{" + entry("a", "U8", "[1]", "[1,0]") + "}", data: 1)),
        ("three offsets", image("{" + entry("a", "U8", "[1]", "[0,1,2]") + "}", data: 1)),
        ("unknown dtype", image("{" + entry("a", "F8_E4M3", "[1]", "[0,1]") + "}", data: 1)),
        ("metadata no object", image(#"{"__metadata__":[]}"#, data: 0)),
        ("unknown member", image(#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"more":1}}"#, data: 1)),
        ("missing member", image(#"{"a":{"dtype":"U8","shape":[1]}}"#, data: 1)),
        (
            "duplicate tensor",
            image("{" + entry("a", "U8", "[0]", "[0,0]") + "," + entry("a", "U8", "[0]", "[0,0]") + "}", data: 0)
        ),
        ("metadata of numbers", image(#"{"__metadata__":{"a":1}}"#, data: 0)),
        ("deep nesting", image("{\"a\":" + String(repeating: "[", count: 100_000), data: 0)),
        ("not UTF-8", image("{\"a", data: 0) + [0xFF]),
    ])
    func attack(_ name: String, _ bytes: [UInt8]) {
        #expect("\(name)") { try Safetensors.parse(bytes) } throws: { ($0 as? Failure)?.status == .data }
    }

    /// The format's own reader takes null for no metadata.
    @Test func metadataMayBeNull() throws {
        let (metadata, tensors) = try Safetensors.parse(
            image(#"{"__metadata__":null,"# + entry("a", "U8", "[2]", "[0,2]") + "}", data: 2))
        #expect(metadata.isEmpty && tensors.map(\.name) == ["a"])
    }

    /// Types that we do not know take what their offsets say; all other tensors of the file can be read.
    @Test(arguments: ["F8_E4M3", "F4", "C64", "F6_E2M3"]) func unknownTypesAreLeftAlone(type: String) throws {
        let bytes = image(
            "{" + entry("a", "U8", "[2]", "[0,2]") + "," + entry("q", type, "[3]", "[2,5]") + ","
                + entry("b", "U8", "[1]", "[5,6]") + "}", data: 6)
        let folder = try TemporaryFolder()
        let path = try folder.write(bytes, to: "mixed.safetensors")
        let file = try SafetensorsFile(path: path)
        #expect(file.tensorNames == ["a", "b"] && file.unread == [UnreadTensor(name: "q", type: type, shape: [3])])
        #expect(try file.floats("b") == [0])
        #expect(throws: Failure(.data, place: path, "tensor `q` is of type \(type), which is not read")) {
            try file.floats("q")
        }
    }

    @Test func everyPrefixIsRefused() {
        let whole = Safetensors.serialize(metadata: ["a": "b"], tensors: tensors)
        for length in 0..<whole.count {
            #expect(throws: Failure.self) { try Safetensors.parse(Array(whole[..<length])) }
        }
    }

    @Test func mutationsNeverTrap() {
        let whole = Safetensors.serialize(metadata: ["a": "b"], tensors: tensors)
        for _ in 0..<20_000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...3) { bytes[Int.random(in: 0..<bytes.count)] = UInt8.random(in: 0...255) }
            guard let (_, read) = try? Safetensors.parse(bytes) else { continue }
            for tensor in read { #expect(tensor.bytes.count == tensor.type.size * tensor.shape.reduce(1, *)) }
        }
    }

    @Test func everyTypeWidens() throws {
        func value(_ type: DataType, _ bytes: [UInt8]) throws -> Double? {
            let tensor = NamedTensor(name: "v", type: type, shape: [1], bytes: bytes)
            #expect(try tensor.floats().map { Double($0) } == tensor.doubles())
            return try tensor.doubles().first
        }
        #expect(try value(.float64, [0, 0, 0, 0, 0, 0, 0xF8, 0xBF]) == -1.5)
        #expect(try value(.float32, [0, 0, 0xC0, 0x3F]) == 1.5)
        #expect(try value(.float16, [0x00, 0xBE]) == -1.5)
        #expect(try value(.float16, [0x01, 0x00]) == 0x1p-24)
        #expect(try value(.bfloat16, [0xC0, 0x3F]) == 1.5)
        #expect(try value(.int64, [254, 255, 255, 255, 255, 255, 255, 255]) == -2)
        #expect(try value(.int32, [254, 255, 255, 255]) == -2)
        #expect(try value(.int16, [254, 255]) == -2)
        #expect(try value(.int8, [254]) == -2)
        #expect(try value(.uint64, [1, 0, 0, 0, 0, 0, 0, 0x80]) == 0x1p63)
        #expect(try value(.uint32, [0, 0, 0, 0x80]) == 0x1p31)
        #expect(try value(.uint16, [0, 0x80]) == 32768)
        #expect(try value(.uint8, [254]) == 254)
        #expect(try value(.bool, [7]) == 1)
    }

    @Test func integersAreNotRounded() throws {
        #expect(try NamedTensor(name: "s", shape: [2], int64s: [.max, .min]).int64s() == [.max, .min])
        #expect(throws: Failure.self) { try NamedTensor(name: "s", shape: [1], floats: [1]).int64s() }
        let large = NamedTensor(name: "s", type: .uint64, shape: [1], bytes: [UInt8](repeating: 255, count: 8))
        #expect(throws: Failure.self) { try large.int64s() }
    }

    @Test func bytesThatContradictTheShapeAreRefused() {
        #expect(throws: Failure.self) {
            try NamedTensor(name: "s", type: .float32, shape: [2], bytes: [0, 0, 0, 0]).floats()
        }
    }

    @Test func filesAreMapped() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(
            Safetensors.serialize(metadata: ["config": "{}"], tensors: tensors), to: "m.safetensors")
        let file = try SafetensorsFile(path: path)
        #expect(file.configuration == "{}")
        #expect(file.shape(of: "x") == [2, 3] && file.type(of: "half") == .float16 && file.shape(of: "no") == nil)
        #expect(try file.floats("x") == [1, -2, 3.5, 0, .infinity, .leastNonzeroMagnitude])
        #expect(try file.floats("half") == [1])
        #expect(try file.tensor("seed").int64s() == [7, -1])
        #expect { try file.floats("no") } throws: { ($0 as? Failure)?.description == "\(path): no tensor named `no`" }
    }

    @Test func imagesAreToldByTheirFirstBytes() {
        let whole = Safetensors.serialize(metadata: ["a": "b"], tensors: tensors)
        #expect(
            Safetensors.isImage(whole) && Safetensors.isImage(whole.prefix(9)) && !Safetensors.isImage(whole.prefix(8)))
        // A text whose ninth byte is a brace, and a length that no header has.
        #expect(!Safetensors.isImage(Array("0.1 0.2 {}".utf8)))
        #expect(!Safetensors.isImage([0, 0, 0, 2, 0, 0, 0, 0, 0x7B]))
    }

    @Test func filesThatAreNoneAreNamed() throws {
        let folder = try TemporaryFolder()
        let absent = folder.file("absent")
        #expect { try SafetensorsFile(path: absent) } throws: {
            ($0 as? Failure) == Failure(.noInput, place: absent, "no such file or directory")
        }
        #expect { try SafetensorsFile(path: folder.path) } throws: { ($0 as? Failure)?.status == .noInput }
        let empty = try folder.write([], to: "empty")
        #expect { try SafetensorsFile(path: empty) } throws: { ($0 as? Failure)?.status == .data }
    }
}
