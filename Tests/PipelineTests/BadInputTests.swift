import Formats
import Foundation
import TensorStream
import TestSupport
import Testing

/// Teacher and sampler get input that they must refuse: with one line on standard error, the right status and no output.
struct BadInputTests {
    static let gaussian = "--model=gaussian:shape=4"

    private func expect(
        _ result: Programs.Result, status: Int32, telling words: String...,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(result.status == status, "\(result.errors)", sourceLocation: sourceLocation)
        let lines = result.errors.split(separator: "\n").filter { !$0.contains("evaluations, ") }
        #expect(lines.count == 1, "\(result.errors)", sourceLocation: sourceLocation)
        for word in words { #expect(result.errors.contains(word), "\(result.errors)", sourceLocation: sourceLocation) }
        #expect(result.output.isEmpty, sourceLocation: sourceLocation)
    }

    @Test(arguments: [["ld3-teacher"], ["ld3-sample", "--schedule=edm", "--nfe=3"]])
    func streams(program: [String]) throws {
        func run(_ input: [UInt8], _ options: [String] = [Self.gaussian]) throws -> Programs.Result {
            try Programs.run(program[0], program.dropFirst() + options, input: input)
        }
        let good = noiseStream(count: 3, shape: [4])
        expect(try run([]), status: 65, telling: "standard input", "is empty")
        expect(try run(Array(good.dropLast(5))), status: 65, telling: "frame 1 ends after")
        expect(try run(noiseStream(count: 3, shape: [5])), status: 65, telling: "[5]", "[4]")
        expect(
            try run(noiseStream(count: 3, shape: [4], value: { $0 == 6 ? .nan : 1 })), status: 65,
            telling: "NaN", "seed 1")
        expect(
            try run(noiseStream(count: 3, shape: [4], labels: [-1, 2, -1])), status: 65, telling: "label 2", "seed 1")
        let other = Frame(
            metadata: ["ld3.format": "1", "ld3.kind": "features", "ld3.count": "1"],
            tensors: [
                NamedTensor(name: "feature", shape: [1, 4], floats: [1, 2, 3, 4]),
                NamedTensor(name: "seed", shape: [1], int64s: [0]),
            ])
        expect(try run(other.image), status: 65, telling: "features", "noise")
        let seedless = Frame(
            metadata: ["ld3.format": "1", "ld3.kind": "noise", "ld3.count": "1"],
            tensors: [NamedTensor(name: "noise", shape: [1, 4], floats: [1, 2, 3, 4])])
        expect(try run(seedless.image), status: 65, telling: "seed")
        expect(try run([UInt8]("hello, is this a stream?".utf8)), status: 65, telling: "is text, not a tensor stream")
        // If a producer dies, the samples that came are written, then the failure is told.
        let short = try run(noiseStream(count: 3, shape: [4], declared: 9))
        #expect(short.status == 65 && short.errors.contains("after sample 3 of 9"), "\(short.errors)")
    }

    @Test func models() throws {
        let folder = try TemporaryFolder()
        let noise = noiseStream(count: 1, shape: [4])
        let corrupt = try folder.write([UInt8](repeating: 0xa5, count: 64), to: "corrupt.safetensors")
        let path = Fixtures.root + "/Sources/Shared/Models/Resources/mnist32-edm.safetensors"
        let whole = [UInt8](FileManager.default.contents(atPath: path) ?? Data())
        let truncated = try folder.write(whole.dropLast(1000), to: "truncated.safetensors")
        func run(_ arguments: String...) throws -> Programs.Result {
            try Programs.run("ld3-teacher", arguments, input: noise)
        }
        expect(try run("--model", "nowhere.pkl"), status: 66, telling: "nowhere.pkl")
        expect(try run("--process", "flow"), status: 64, telling: "--process")
        expect(try run("--model", "mnist"), status: 66, telling: "did you mean mnist32?")
        expect(try run("--model", corrupt), status: 65, telling: "corrupt.safetensors")
        expect(try run("--model", truncated), status: 65, telling: "truncated.safetensors")
        expect(try run("--model", "gaussian:shape="), status: 64, telling: "shape")
        expect(try run("--modell", "x"), status: 64, telling: "--model")
        expect(
            try run("--model", "gmm:\(path)"), status: 65,
            telling: "ld3-teacher: \(path): no tensor named `mixture/weights`")
        expect(
            try run("--model", "random:cifar"), status: 64, telling: "--model random: `cifar` is none of",
            "did you mean cifar10?")
        expect(try run(Self.gaussian, "--guidance", "2"), status: 64, telling: "no classes")
        expect(try run("--model", "exec:echo gone >&2; exit 9"), status: 74, telling: "status 9", "gone")
    }

    /// A word that is no value of its option is refused, and the nearest one is suggested.
    @Test func words() throws {
        func run(_ arguments: String...) throws -> Programs.Result {
            try Programs.run(
                "ld3-teacher", [Self.gaussian] + arguments, input: noiseStream(count: 1, shape: [4]))
        }
        expect(
            try run("--solver", "ddimm"), status: 64, telling: "--solver: `ddimm` is none of euler",
            "did you mean ddim?")
        expect(
            try run("--variant", "bh3"), status: 64, telling: "--variant: `bh3` is none of afs", "did you mean bh1?")
        expect(try run("--solver=heun", "--order=3"), status: 64, telling: "--order: solver heun has no order 3")
        expect(try run("--solver=heun", "--nfe=1"), status: 64, telling: "--nfe: 1 evaluation is too few")
        expect(
            try run("--process", "vp"), status: 64, telling: "--process: `vp` is none of edm", "did you mean vp-linear?"
        )
        expect(
            try run("--schedule", "unifrom"), status: 66, telling: "--schedule unifrom: no such",
            "did you mean uniform?")
        expect(
            try run("--schedule", "ays:sd14"), status: 64, telling: "--schedule: `ays:sd14` is none of",
            "mean ays:sd15?")
        expect(try run("--schedule", "polynomial:x"), status: 64, telling: "--schedule: `polynomial:x` needs")
        expect(try run("--schedule", "/nowhere"), status: 66, telling: "--schedule /nowhere: no such")
        expect(try run("--nfe", "0"), status: 64, telling: "--nfe")
    }

    @Test func aModelFileThatTheInputNamesWithoutADigest() throws {
        let result = try Programs.run("ld3-sample", ["--schedule=edm", "--nfe=2"], input: try pairs(model: "gone.pkl"))
        expect(
            result, status: 65, telling: "standard input: ld3.model is `gone.pkl`, a file of which it does not record")
    }

    private func pairs(model: String, history: String = "[]") throws -> [UInt8] {
        var frame = try streamFrames(noiseStream(count: 2, shape: [4]))[0]
        frame.metadata.merge(["ld3.kind": "pairs", "ld3.model": model, "ld3.history": history]) { _, new in new }
        frame.tensors.append(NamedTensor(name: "target", shape: [2, 4], floats: [Float](repeating: 0.5, count: 8)))
        return frame.image
    }

    @Test(arguments: ["[1", "{}"]) func historiesThatAreNone(text: String) throws {
        let input = try pairs(model: "gaussian:shape=4", history: text)
        for program in [["ld3-sample", "--schedule=edm", "--nfe=2"], ["ld3-fit", "--method=heuristic", "--nfe=2"]] {
            let result = try Programs.run(program[0], program.dropFirst() + ["-q"], input: input)
            expect(result, status: 65, telling: "\(program[0]): standard input: ld3.history: ")
        }
    }

    @Test func anArrayIsNoPairs() throws {
        let array = try NPY.serialize(
            NamedTensor(name: "noise", shape: [2, 4], floats: [Float](repeating: 1, count: 8)))
        expect(
            try Programs.run("ld3-fit", ["--nfe=3"], input: array), status: 65,
            telling: "standard input: is a .npy array where a tensor stream is expected")
    }

    /// A network that returns NaN ends the run; sample and step are named.
    @Test(.enabled(if: Programs.exists("python3"), "python3 is not there"))
    func networksThatReturnNaN() throws {
        let folder = try TemporaryFolder()
        let mixture = try folder.write(
            Frame(tensors: [
                NamedTensor(name: "mixture/weights", shape: [1], doubles: [1]),
                NamedTensor(name: "mixture/means", shape: [1, 4], doubles: [0, 0, 0, 0]),
                NamedTensor(name: "mixture/stds", shape: [1, 4], doubles: [1, 1, 1, 1]),
            ]).image, to: "mixture.safetensors")
        let command =
            "exec:python3 '\(Fixtures.path("foreign/mixture.py"))' '\(Fixtures.root)/scripts' '\(mixture)' nan 3"
        let result = try Programs.run(
            "ld3-teacher", ["--model", command, "--solver=ddim", "--nfe=5"], input: noiseStream(count: 2, shape: [4]))
        expect(result, status: 70, telling: "seed 1", "step 2", "NaN")
    }

    @Test func outputs() throws {
        let noise = "ld3-noise --seeds 0-99 --shape 4"
        let teacher = "ld3-teacher -q --model gaussian:shape=4"
        let full = try Programs.shell("\(noise) | \(teacher) > /dev/full")
        #expect(full.status == 74 && full.errors.contains("no space left"), "\(full.errors)")
        let text = try Programs.shell("ld3-teacher --describe > /dev/full")
        #expect(
            text.status == 74
                && text.errors == "ld3-teacher: standard output: cannot write: no space left on device\n")
        for prefix in ["", "trap '' PIPE;"] {
            let gone = try Programs.shell(
                "\(prefix) { \(noise); echo $? >&2; } | { \(teacher) --batch 1; echo $? >&2; } | head -c1 > /dev/null")
            #expect(gone.errors.split(separator: "\n").allSatisfy { $0 == "141" || $0 == "0" }, "\(gone.errors)")
            #expect(gone.errors.contains("141"))
        }
        let terminal = try Programs.run(
            "ld3-teacher", [Self.gaussian], input: noiseStream(count: 1, shape: [4]), standardOutput: .terminal)
        #expect(terminal.status == 64 && terminal.errors.contains("terminal"), "\(terminal.errors)")
    }
}
