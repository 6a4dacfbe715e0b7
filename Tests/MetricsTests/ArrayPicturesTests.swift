import Checkpoints
import Diagnostics
import Formats
import Images
import Metrics
import Tensors
import TestSupport
import Testing

/// Arrays of pictures, in .npy and .npz files and in streams.
@Suite struct ArrayPicturesTests {
    private func source(
        _ array: NamedTensor, prefersChannelsLast: Bool = false, channels: Int = 1
    ) throws -> ArrayPictures {
        try ArrayPictures(
            array, prefersChannelsLast: prefersChannelsLast, quantization: .round, batch: 2, channels: channels)
    }

    private func levels(_ source: any PictureSource) throws -> [Float] {
        var levels: [Float] = []
        while let batch = try source.next() {
            #expect(batch.seeds == nil)
            levels += batch.levels.elements
        }
        return levels
    }

    @Test func levelsWithTheirChannelsLast() throws {
        let bytes = (0..<5 * 2 * 3 * 3).map { UInt8($0) }
        let array = NamedTensor(name: "arr_0", type: .uint8, shape: [5, 2, 3, 3], bytes: bytes)
        let source = try source(array, prefersChannelsLast: true, channels: 3)
        #expect(source.count == 5 && !source.isQuantized && source.warning == nil)
        let levels = try levels(source)
        #expect(levels.count == bytes.count)
        // This is the blue of picture 1 in row 0 and column 2.
        #expect(levels[18 + 2 * 6 + 2] == 18 + 2 * 3 + 2)
    }

    /// Each array holds the levels 0, 64 and 255 in a row.
    @Test func everyTypeAndLayoutGivesTheSameLevels() throws {
        let expected: [Float] = [0, 64, 255, 255, 64, 0]
        let numbers: [Int64] = [0, 64, 255, 255, 64, 0]
        let wide = NamedTensor(name: "a", shape: [2, 1, 1, 3], int64s: numbers)
        let bytes = NamedTensor(name: "a", type: .uint8, shape: [2, 1, 3, 1], bytes: numbers.map { UInt8($0) })
        let samples = numbers.map { Float($0) / 127.5 - 1 }
        let floats = NamedTensor(name: "a", shape: [2, 1, 1, 3], floats: samples)
        let last = NamedTensor(name: "a", shape: [2, 2, 3, 1], floats: samples + samples)
        for array in [wide, bytes, floats] { #expect(try levels(source(array)) == expected) }
        #expect(try levels(source(last)) == expected + expected)
        #expect(try source(floats).isQuantized && !source(wide).isQuantized)
        let repeated = try levels(source(wide, channels: 3))
        #expect(repeated == [0, 64, 255, 0, 64, 255, 0, 64, 255, 255, 64, 0, 255, 64, 0, 255, 64, 0])
    }

    /// If the first and the last size can be channels, the kind of the file decides.
    @Test func ambiguousLayoutsAreThoseOfTheirFile() throws {
        let array = NamedTensor(name: "a", type: .uint8, shape: [1, 3, 1, 3], bytes: [1, 2, 3, 4, 5, 6, 7, 8, 9])
        #expect(try levels(source(array, channels: 3)) == [1, 2, 3, 4, 5, 6, 7, 8, 9])
        #expect(try levels(source(array, prefersChannelsLast: true, channels: 3)) == [1, 4, 7, 2, 5, 8, 3, 6, 9])
    }

    @Test func whatIsNoPictureIsRefusedWithTheRemedy() throws {
        func floats(_ shape: [Int], _ values: Float...) -> NamedTensor {
            let count = shape.reduce(1, *)
            return NamedTensor(name: "a", shape: shape, floats: (0..<count).map { values[$0 % values.count] })
        }
        func bytes(_ type: DataType, _ values: [UInt8]) -> NamedTensor {
            NamedTensor(name: "a", type: type, shape: [values.count / type.size, 1, 1, 1], bytes: values)
        }
        let cases: [(NamedTensor, message: String, remedy: String)] = [
            (floats([2, 1, 2, 2], 0, 1), "from 0 to 1", "2 x - 1"), (floats([2, 1, 2, 2], 0.5), "from 0.5", "2 x - 1"),
            (floats([2, 1, 2, 2], 3, 255), "from 3.00 to 255", "uint8"),
            (floats([2, 1, 2, 2], -1, 1, 1, 1, 1, .nan), "NaN in picture 1", ""),
            (floats([2, 1, 2, 2], -1, .infinity), "infinity in picture 0", ""),
            (floats([2, 3, 2, 2], -1, 1), "RGB pictures", "gray"),
            (floats([2, 4, 2, 2], -1, 1), "[2, 4, 2, 2] holds no pictures", "alpha"),
            (floats([2, 2, 2, 4], -1, 1), "[2, 2, 2, 4] holds no pictures", "alpha"),
            (floats([2, 8, 8], -1, 1), "[2, 8, 8] holds no pictures", "[2, 1, 8, 8]"),
            (floats([2, 9, 3], -1, 1), "[2, 9, 3] holds no pictures", "clouds"),
            (floats([2, 64], -1, 1), "[2, 64] holds no pictures", "[N, 1, H, W]"),
            (floats([2, 1, 0, 2], -1), "[2, 1, 0, 2] holds no pictures", "[N, 1, H, W]"),
            (bytes(.int8, [9, 0x80]), "I8 and holds -128 in picture 1", "levels from 0 to 255"),
            (bytes(.uint16, [255, 0, 0, 1]), "U16 and holds 256 in picture 1", "levels from 0 to 255"),
            (bytes(.bool, [0, 1]), "BOOL", "levels"), (bytes(.uint8, [0, 1]), "0 and 1 only", "levels from 0 to 255"),
        ]
        for (array, message, remedy) in cases {
            let failure = #expect(throws: Failure.self) { try source(array) }
            let told = failure?.suggestion ?? ""
            #expect(failure?.status == .data && failure?.message.contains(message) == true, "\(message)")
            #expect(remedy.isEmpty || told.contains(remedy), "\(message): \(told)")
        }
    }

    @Test func valuesFarBeyondTheRangeAreTold() throws {
        let values = (0..<400).map { Float($0 % 200) / 100 - 1 }
        let usual = NamedTensor(name: "a", shape: [1, 1, 20, 20], floats: values)
        #expect(try source(usual).warning == nil)
        // One outlier of a few steps is no other scale.
        let outlier = NamedTensor(name: "a", shape: [1, 1, 20, 20], floats: values.dropLast() + [5])
        #expect(try source(outlier).warning == nil)
        let scaled = NamedTensor(name: "a", shape: [1, 1, 20, 20], floats: values.map { 2 * $0 })
        let warning = try source(scaled).warning
        #expect(warning?.contains("from -2.00 to 1.98") == true && warning?.contains("clipped") == true)
    }
}
