import Formats
import Foundation
import TensorStream
import TestSupport
import Testing

/// Conditions travel from noise to pairs and samples, and reach a network in another process.
@Suite(.enabled(if: Programs.exists("python3"), "python3 is not there"))
struct ConditionTests {
    private let folder: TemporaryFolder
    private let log: String
    private let model: String

    init() throws {
        folder = try TemporaryFolder()
        log = folder.file("log")
        model = "exec:python3 \(Fixtures.path("foreign/conditioned.py")) \(Fixtures.root)/scripts \(log)"
    }

    private let means: [Float] = [3, -1, 0.5, 2, -2, 0, 1, 1]

    private func noise(_ extra: [NamedTensor], prompts: String? = nil) throws -> [UInt8] {
        var frame = try streamFrames(noiseStream(count: 4, shape: [2], extra: extra))[0]
        frame.metadata["ld3.prompts"] = prompts
        return frame.image
    }

    private var condition: NamedTensor { NamedTensor(name: "condition", shape: [4, 2], floats: means) }

    private func teach(_ input: [UInt8], _ options: [String] = [], model: String? = nil) throws -> Programs.Result {
        try Programs.run(
            "ld3-teacher", ["-q", "--batch=3"] + (options.isEmpty ? ["--nfe=20"] : options), input: input,
            environment: ["LD3_MODEL": model ?? self.model])
    }

    /// The solution about another mean is the solution about zero, moved by the mean and by its share of the start.
    @Test func theNetworkIsToldTheRowOfEachSample() throws {
        let told = try teach(noise([condition]))
        #expect(told.status == 0, "\(told.errors)")
        let frames = try streamFrames(told.output)
        #expect(try frames.flatMap { try $0.tensor("condition").floats() } == means)
        let plain = try teach(noise([]), model: "gaussian:shape=2,mean=0,std=0.5")
        let (a, b) = (try targets(told.output), try targets(plain.output))
        // The start's own mean is not moved: what is left of it at the end is the ratio of the deviations.
        let end: Float = 0.25 + 0.002 * 0.002
        let start: Float = 0.25 + 80 * 80
        let moved = 1 - (end / start).squareRoot()
        for index in means.indices {
            let error = abs(a[index] - b[index] - means[index] * moved)
            #expect(error < 5e-3, "\(index): \(a[index]), \(b[index])")
        }
    }

    private func targets(_ output: [UInt8]) throws -> [Float] {
        try streamFrames(output).flatMap { try $0.tensor("target").floats() }
    }

    @Test func aFitKeepsTheConditionsWithItsPairs() throws {
        let pairs = try teach(noise([condition]))
        for order in [[0, 1], [1, 0]] {
            let frames = try streamFrames(pairs.output)
            // Each frame as a part of its own, in either order: rows are sorted by seed with their conditions.
            let parts = order.map { index -> Frame in
                var frame = frames[index]
                frame.metadata = frames[0].metadata
                frame.metadata["ld3.count"] = "\(index == 0 ? 3 : 1)"
                return frame
            }
            let fit = try Programs.run(
                "ld3-fit", ["-q", "--nfe=3", "--method=heuristic", "--heuristics=logsnr"],
                input: parts.flatMap(\.image), environment: ["LD3_MODEL": model])
            #expect(fit.status == 0, "\(fit.errors)")
            let loss = try streamFrames(fit.output)[0].metadata["ld3.loss_after"].flatMap(Double.init)
            #expect(try #require(loss) < 0.01)
        }
    }

    @Test func whatTheModelNeedsMustBeThere() throws {
        let absent = try teach(noise([]))
        #expect(absent.status == 65 && absent.errors.contains("`condition`"), "\(absent.errors)")
        let wrong = try teach(
            noise([NamedTensor(name: "condition", shape: [4, 3], floats: Array(repeating: 0, count: 12))]))
        #expect(wrong.status == 65 && wrong.errors.contains("[3]") && wrong.errors.contains("[2]"), "\(wrong.errors)")
        let rows = try teach(noise([NamedTensor(name: "condition", shape: [2, 2], floats: [0, 0, 0, 0])]))
        #expect(rows.status == 65 && rows.errors.contains("4 rows"), "\(rows.errors)")
        var values = means
        values[5] = .nan
        let broken = try teach(noise([NamedTensor(name: "condition", shape: [4, 2], floats: values)]))
        #expect(broken.status == 65 && broken.errors.contains("NaN"), "\(broken.errors)")
    }

    @Test func aDenoiserThatDoesNotSayGetsAll() throws {
        let undeclared = try teach(noise([condition]), model: model + " undeclared")
        #expect(undeclared.status == 0, "\(undeclared.errors)")
        #expect(try targets(undeclared.output) == targets(teach(noise([condition])).output))
    }

    @Test func aModelWithoutUseForAConditionPassesItOn() throws {
        let result = try teach(noise([condition]), model: "gaussian:shape=2,std=0.5")
        #expect(result.status == 0, "\(result.errors)")
        #expect(try streamFrames(result.output).flatMap { try $0.tensor("condition").floats() } == means)
    }

    @Test func promptsReachTheNetworkAsText() throws {
        let prompt = NamedTensor(name: "prompt", shape: [4], int64s: [1, -1, 0, 1])
        let result = try teach(
            noise([condition, prompt], prompts: #"["a cat", "zwei Hünde"]"#), ["--solver=ddim", "--steps=1"])
        #expect(result.status == 0, "\(result.errors)")
        let told = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map(String.init)
        #expect(told == ["zwei Hünde", "-", "a cat", "zwei Hünde"])
        let frames = try streamFrames(result.output)
        #expect(try frames.flatMap { try $0.tensor("prompt").int64s() } == [1, -1, 0, 1])
        #expect(frames[0].metadata["ld3.prompts"] == #"["a cat", "zwei Hünde"]"#)
    }

    @Test func badPromptsAreRefused() throws {
        func prompt(_ index: Int64) -> NamedTensor {
            NamedTensor(name: "prompt", shape: [4], int64s: [index, 0, 0, 0])
        }
        for (list, index) in [(#"["a"]"#, 1), (#"["a"]"#, -2), ("[1]", 0), (nil, 0)] as [(String?, Int64)] {
            let result = try teach(noise([condition, prompt(index)], prompts: list))
            #expect(result.status == 65 && result.output.isEmpty, "\(result.errors)")
            #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
        }
        let unread = try teach(noise([prompt(0)], prompts: #"["a"]"#), model: "gaussian:shape=2,std=0.5")
        #expect(unread.status == 65 && unread.errors.contains("prompts"), "\(unread.errors)")
    }
}
