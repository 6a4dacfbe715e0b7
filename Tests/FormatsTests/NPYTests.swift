import Diagnostics
import Formats
import Testing

/// Returns a file with this dictionary, as NumPy writes it.
private func file(_ dictionary: String, data: [UInt8], version: UInt8 = 1) -> [UInt8] {
    let text = Array((dictionary + "\n").utf8)
    let length = [UInt8(text.count & 255), UInt8(text.count >> 8)] + (version == 1 ? [] : [0, 0])
    return NPY.magic + [version, 0] + length + text + data
}

@Suite struct NPYTests {
    @Test func roundTrips() throws {
        for shape in [[], [3], [2, 3], [0, 2], [1, 1, 1, 6]] {
            let count = shape.reduce(1, *)
            let tensor = NamedTensor(name: "a", shape: shape, floats: (0..<count).map { Float($0) - 1.5 })
            let bytes = try NPY.serialize(tensor)
            #expect((bytes.count - 4 * count) % 64 == 0)
            #expect(try NPY.parse(bytes, name: "a") == tensor)
        }
    }

    @Test func readsEveryVersionAndPythonSpelling() throws {
        let data: [UInt8] = [1, 2, 3, 4]
        for version in [UInt8(1), 2, 3] {
            let bytes = file(
                "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2), }", data: data, version: version)
            #expect(try NPY.parse(bytes, name: "a").doubles() == [1, 2, 3, 4])
        }
        let other = file("{\"shape\":(4L,),\"fortran_order\":False,\"descr\":\"|u1\"}", data: data)
        #expect(try NPY.parse(other, name: "a").shape == [4])
    }

    @Test func columnMajorIsPutInOrder() throws {
        let bytes = file("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", data: [1, 4, 2, 5, 3, 6])
        #expect(try NPY.parse(bytes, name: "a").doubles() == [1, 2, 3, 4, 5, 6])
    }

    /// NumPy wrote these arrays: [1.5, -2] and [[1, 258], [-3, 4]] in the other order of bytes.
    @Test func mostSignificantBytesMayComeFirst() throws {
        let floats = file(
            "{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }", data: [0x3f, 0xc0, 0, 0, 0xc0, 0, 0, 0])
        #expect(try NPY.parse(floats, name: "a").floats() == [1.5, -2])
        let columns: [UInt8] = [0, 1, 0xff, 0xfd, 1, 2, 0, 4]
        let integers = file("{'descr': '>i2', 'fortran_order': True, 'shape': (2, 2), }", data: columns)
        #expect(try NPY.parse(integers, name: "a").int64s() == [1, 258, -3, 4])
        let bytes = file("{'descr': '>u1', 'fortran_order': False, 'shape': (2,), }", data: [1, 2])
        #expect(try NPY.parse(bytes, name: "a").int64s() == [1, 2])
    }

    @Test func whatIsNoNumberIsNamed() {
        let cases = [
            ("'|O'", "Python objects"), ("'<U3'", "texts"), ("'|S3'", "texts"), ("'<c16'", "complex numbers"),
            ("'<M8[s]'", "dates or durations"), ("'|V2'", "elements of the dtype `|V2`"), ("[('a', '<f4')]", "records"),
        ]
        for (code, words) in cases {
            let bytes = file("{'descr': \(code), 'fortran_order': False, 'shape': (1,), }", data: [0])
            let failure = #expect(throws: Failure.self) { try NPY.parse(bytes, name: "a") }
            #expect(failure?.message == "a .npy array of \(words) is not read", "\(code)")
            #expect(failure?.suggestion?.contains("numbers") == true)
        }
    }

    @Test(arguments: [
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': 'xf4', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "{'descr': '<f4', 'shape': (1,), }",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", "[1]", "",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} 1",
        "{'descr: '<f4', 'fortran_order': False, 'shape': (1,)}",
    ])
    func refuses(_ dictionary: String) {
        #expect { try NPY.parse(file(dictionary, data: [0, 0, 0, 0]), name: "a") } throws: {
            ($0 as? Failure)?.status == .data
        }
    }

    @Test func truncationTellsTheBytes() throws {
        let bytes = try NPY.serialize(NamedTensor(name: "a", shape: [4], floats: [1, 2, 3, 4]))
        for length in 0..<bytes.count {
            #expect(throws: Failure.self) { try NPY.parse(Array(bytes[..<length]), name: "a") }
        }
        #expect(throws: Failure.self) { try NPY.parse(bytes + [0], name: "a") }
    }
}
