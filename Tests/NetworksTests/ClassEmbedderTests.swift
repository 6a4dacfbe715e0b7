import Diagnostics
import Formats
import Networks
import Testing

@Suite struct ClassEmbedderTests {
    /// Row c is [10 c, 10 c + 1].
    private struct Table: WeightSource {
        var tensorNames: [String] { ["stage.embedding.weight"] }
        var configuration: String? { nil }
        func type(of name: String) -> DataType? { .float32 }
        func shape(of name: String) -> [Int]? { tensorNames.contains(name) ? [4, 2] : nil }
        func floats(_ name: String) -> [Float] { [0, 1, 10, 11, 20, 21, 30, 31] }
    }

    /// The last row stands for no class, which is -1.
    @Test func aClassIsOneToken() throws {
        let embedder = try ClassEmbedder(weights: Table(), prefix: "stage.")
        #expect(embedder.classes == 3 && embedder.width == 2)
        let contexts = try embedder.contexts([2, -1, 0])
        #expect(contexts.shape == [3, 1, 2] && contexts.elements == [20, 21, 30, 31, 0, 1])
    }

    @Test(arguments: [3, -2]) func otherNumbersAreRefused(label: Int) throws {
        let embedder = try ClassEmbedder(weights: Table(), prefix: "stage.")
        #expect(#expect(throws: Failure.self) { try embedder.contexts([0, label]) }?.status == .data)
    }
}
