import Checkpoints
import Diagnostics
import Formats
import TestSupport
import Testing

@Suite struct NPZTests {
    /// NumPy wrote these archives, stored and deflated, with ZIP64 fields. Column-major arrays come out row-major.
    @Test(arguments: ["edm_style", "edm_style_compressed", "fortran_order", "guided_diffusion_style"])
    func readsWhatNumPyWrote(name: String) throws {
        let file = try NPZFile(path: Fixtures.path("checkpoints/npz/\(name).npz"))
        let contents = try SafetensorsFile(path: Fixtures.path("checkpoints/npz/npz_contents.safetensors"))
        #expect(file.names.contains("mu") && file.names.contains("sigma"))
        let recorded = contents.tensorNames.filter { $0.hasPrefix(name + "/") }
        #expect(!recorded.isEmpty)
        for tensor in recorded {
            let array = String(tensor.dropFirst(name.count + 1))
            #expect(try file.array(array) == renamed(contents.tensor(tensor), array))
        }
    }

    @Test func readsImagesOfBytes() throws {
        let images = try NPZFile(path: Fixtures.path("checkpoints/npz/guided_diffusion_style.npz")).array("arr_0")
        #expect(images.type == .uint8 && images.shape == [4, 32, 32, 3])
    }

    @Test func missingArrayIsNamedWithThoseFound() throws {
        let file = try NPZFile(path: Fixtures.path("checkpoints/npz/edm_style.npz"))
        let failure = #expect(throws: Failure.self) { try file.array("nu") }
        #expect(failure?.status == .data)
        #expect(failure?.description.hasSuffix("no array named `nu` (found: mu, sigma)") == true)
    }

    @Test func missingFileIsNoInput() {
        let failure = #expect(throws: Failure.self) { try NPZFile(path: "/nonexistent/reference.npz") }
        #expect(failure?.status == .noInput)
    }

    @Test func writtenArchivesComeBack() throws {
        let tensors = [
            NamedTensor(name: "mu", shape: [3], doubles: [1, -2, 0.5]),
            NamedTensor(name: "seeds", shape: [2, 2], int64s: [0, 4, 7, 9]),
            NamedTensor(name: "empty", shape: [0, 4], floats: []),
        ]
        let file = try NPZFile(ByteRegion(NPZFile.serialize(tensors)), path: "memory")
        #expect(file.names == ["mu", "seeds", "empty"])
        for tensor in tensors { #expect(try file.array(tensor.name) == tensor) }
    }

    private func renamed(_ tensor: NamedTensor, _ name: String) -> NamedTensor {
        NamedTensor(name: name, type: tensor.type, shape: tensor.shape, bytes: tensor.bytes)
    }
}
