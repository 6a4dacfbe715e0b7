import Diagnostics
import Diffusion
import Foreign
import Formats
import TensorStream
import Tensors
import Testing

/// Conditions and introductions as the frames between processes carry them.
@Suite struct ConditionFrameTests {
    private func read(_ tensors: [NamedTensor], prompts: [String]? = nil) throws -> Condition {
        try Condition(classes: nil, tensors: tensors, prompts: prompts, count: 2)
    }

    /// Two spellings that Unicode calls equal reach the network as they are, each once.
    @Test func promptsKeepTheirBytes() throws {
        let list = ["caf\u{e9}", "cafe\u{301}"]
        let indices = NamedTensor(name: "prompt", shape: [5], int64s: [0, 1, -1, 1, 0])
        let condition = try Condition(classes: nil, tensors: [indices], prompts: list, count: 5)
        #expect(condition.prompts?[0] != condition.prompts?[1])
        #expect(condition.namedTensors == [indices])
        let written = try Key.promptList(try #require(condition.metadata["ld3.prompts"]))
        #expect(written.map { Array($0.utf8) } == list.map { Array($0.utf8) })
    }

    @Test func theOtherSideNeedsItsPartner() throws {
        func tensor(_ name: String, _ width: Int) -> NamedTensor {
            NamedTensor(name: name, shape: [2, width], floats: [Float](repeating: 1, count: 2 * width))
        }
        let (a, null) = (tensor("condition.a", 3), tensor("condition.a_null", 3))
        #expect(try read([a, null]).unconditional.tensors["condition.a"]?.count == 6)
        for wrong in [[null], [tensor("condition.b", 3), null], [a, tensor("condition.a_null", 2)]] {
            let failure = try #require(throws: Failure.self) { try read(wrong) }
            #expect(failure.status == .data && failure.message.contains("`condition.a_null`"))
        }
    }

    @Test func promptsNeedTheirIndices() throws {
        let failure = try #require(throws: Failure.self) { try read([], prompts: ["a"]) }
        #expect(failure.status == .data && failure.message.contains("no tensor `prompt`"))
        #expect(try Condition(classes: nil, tensors: [], prompts: ["a"], count: 0).isEmpty)
        for list in [#"["a","a"]"#, #"{"a":1}"#, "[1]", "["] {
            let failure = try #require(throws: Failure.self) { try Key.promptList(list) }
            #expect(failure.status == .data && failure.place == "ld3.prompts")
        }
    }

    private func introduction(_ changes: [String: String]) throws -> ModelFrame {
        let frame = ModelFrame(process: "edm", sampleShape: [4, 8, 8], hasPullback: true, labelCount: 0).frame
        return try ModelFrame(Frame(metadata: frame.metadata.merging(changes) { _, new in new }))
    }

    @Test func introductions() throws {
        let plain = try introduction([:])
        #expect(!plain.isLatent && plain.readsPrompts == nil && plain.hasPullback)
        let latent = ModelFrame(
            process: "edm", sampleShape: [4, 8, 8], hasPullback: true, labelCount: 0, isLatent: true,
            readsPrompts: true)
        let read = try ModelFrame(latent.frame)
        #expect(read.isLatent && read.readsPrompts == true)
        #expect(try introduction(["ld3.reads_prompts": "false"]).readsPrompts == false)
        #expect(try introduction(["ld3.guidance": "2.5"]).guidance == 2.5 && plain.guidance == 1)
        #expect(throws: Failure.self) { try introduction(["ld3.guidance": "inf"]) }
        for key in ["ld3.latent", "ld3.reads_prompts", "ld3.pullback"] {
            let failure = try #require(throws: Failure.self) { try introduction([key: "yes"]) }
            #expect(failure.status == .inputOutput && failure.message.contains(key))
        }
    }
}
