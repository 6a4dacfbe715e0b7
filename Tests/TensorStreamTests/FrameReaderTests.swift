import Diagnostics
import Formats
import TensorStream
import TestSupport
import Testing

@Suite struct FrameReaderTests {
    private let frames = [noiseFrame([1, 2], count: 5), noiseFrame([3]), noiseFrame([4, 5])]
    private var stream: [UInt8] { frames.flatMap(\.image) }

    @Test func framesComeBack() throws {
        let read = try reading(stream) { stream in
            var result: [Frame] = []
            while let (frame, _) = try stream.next() { result.append(frame) }
            return result
        }
        #expect(read.map(\.metadata) == frames.map(\.metadata))
        for (one, other) in zip(read, frames) {
            #expect(one["noise"] == other["noise"] && one["seed"] == other["seed"])
        }
    }

    @Test func halfAFrameSaysWhatCame() throws {
        let start = frames[0].image.count + frames[1].image.count
        let size = frames[2].image.count
        for cut in [1, 7, 8, 9, size - 1] {
            let due = cut < 8 ? 8 : cut < size - 32 ? size - 32 : size
            let found = try failure(Array(stream[..<(start + cut)]))
            #expect(found == Failure(.data, place: "standard input", "frame 3 ends after \(cut) of \(due) bytes"))
        }
    }

    @Test func everyCutIsNoticed() throws {
        for length in 0..<stream.count {
            #expect(try failure(Array(stream[..<length]))?.status == .data, "after \(length) bytes")
        }
    }

    /// A header that promises more than there is takes no more memory than the bytes that come.
    @Test func lyingHeaderTakesNoMemory() throws {
        let size = 1 << 46
        let header = Array(#"{"noise":{"dtype":"F32","shape":[\#(size / 4)],"data_offsets":[0,\#(size)]}}"#.utf8)
        let bytes = withUnsafeBytes(of: UInt64(header.count)) { Array($0) } + header + [1, 2, 3]
        let due = 8 + header.count + size
        #expect(try failure(bytes)?.message == "frame 1 ends after \(8 + header.count + 3) of \(due) bytes")
    }

    @Test func headerThatIsTooLongIsRefused() throws {
        let bytes = withUnsafeBytes(of: UInt64(16 << 20) + 1) { Array($0) }
        #expect(try failure(bytes)?.place == "standard input: frame 1")
    }

    @Test func longTensorsCrossTheChunks() throws {
        let values = (0..<700_001).map { Float($0) }
        let frame = Frame(metadata: ["a": "b"], tensors: [NamedTensor(name: "x", shape: [700_001], floats: values)])
        let folder = try TemporaryFolder()
        let descriptor = try Descriptor.open(try folder.write(frame.image + frame.image, to: "f"))
        let reader = FrameReader(descriptor: descriptor, place: "file", closesDescriptor: true)
        #expect(try reader.next() == frame)
        #expect(try reader.next() == frame)
        #expect(try reader.next() == nil)
    }

    @Test func mutationsNeverTrap() throws {
        for _ in 0..<3000 {
            var bytes = stream
            for _ in 0..<Int.random(in: 1...3) { bytes[Int.random(in: 0..<bytes.count)] = UInt8.random(in: 0...255) }
            _ = try failure(bytes)
        }
    }

    @Test func bareArrayIsAStream() throws {
        let array = NamedTensor(name: "noise", shape: [3, 2], floats: [1, 2, 3, 4, 5, 6])
        let read = try batches(try NPY.serialize(array), 2)
        #expect(read.map(\.seeds) == [[0, 1], [2]])
        #expect(read.map(\.startsPart) == [true, false])
        #expect(read[0].part.count == 3)
        #expect(try read.flatMap { try $0.floats("noise") } == [1, 2, 3, 4, 5, 6])
        #expect(
            try failure(try NPY.serialize(array) + [0])?.description == "standard input: bytes follow the .npy array")
        #expect(try failure(Array(try NPY.serialize(array).dropLast()))?.message == "ends after 151 of 152 bytes")
        #expect(try failure(try NPY.serialize(NamedTensor(name: "noise", shape: [], floats: [1])))?.status == .data)
    }
}
