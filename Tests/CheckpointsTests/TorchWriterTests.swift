import Checkpoints
import Diagnostics
import Formats
import Testing

@Suite struct TorchWriterTests {
    @Test func whatIsWrittenIsReadBack() throws {
        let tensors = [
            NamedTensor(name: "best_t_steps", shape: [12], floats: (0..<12).map { Float($0) / 3 }),
            NamedTensor(name: "nested.name", shape: [2, 3], doubles: [1, 2, 3, 4, 5, -6]),
            NamedTensor(name: "seeds", shape: [2], int64s: [7, -1]),
            NamedTensor(name: "scalar", shape: [], floats: [2]),
            NamedTensor(name: "half", type: .bfloat16, shape: [1], bytes: [0x40, 0x40]),
        ]
        let file = try CheckpointFile(ByteRegion(TorchWriter.serialize(tensors)), path: "memory")
        #expect(file.container == .torchArchive)
        #expect(file.tensorNames == tensors.map(\.name))
        for tensor in tensors { #expect(try file.tensor(tensor.name) == tensor) }
    }

    @Test func typesWithoutAStorageAreRefused() {
        let tensor = NamedTensor(name: "x", type: .uint64, shape: [1], bytes: [0, 0, 0, 0, 0, 0, 0, 0])
        let failure = #expect(throws: Failure.self) { try TorchWriter.serialize([tensor]) }
        #expect(failure?.status == .cannotCreate)
    }
}
