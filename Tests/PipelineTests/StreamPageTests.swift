import Formats
import TensorStream
import TestSupport
import Testing

/// Tests the examples of docs/STREAM.md as they are printed.
@Suite struct StreamPageTests {
    private let page: String

    init() throws { page = String(decoding: try Fixtures.contents(ofDocument: "docs/STREAM.md"), as: UTF8.self) }

    /// Returns the lines of the first block that is fenced as `language`.
    private func block(_ language: String) throws -> [Substring] {
        let lines = page.split(separator: "\n", omittingEmptySubsequences: false)
        let start = try #require(lines.firstIndex(of: "```\(language)"))
        return Array(lines[(start + 1)...].prefix { $0 != "```" })
    }

    @Test func hexDumpIsTheFrameItSays() throws {
        var bytes: [UInt8] = []
        for line in try block("hex") {
            let columns = line.split(separator: " ")
            #expect(Int(columns[0], radix: 16) == bytes.count)
            bytes += line.dropFirst(10).prefix(48).split(separator: " ").compactMap { UInt8($0, radix: 16) }
            let shown = bytes.suffix(line.dropFirst(10).prefix(48).split(separator: " ").count)
            #expect(
                String(line.dropFirst(59))
                    == String(decoding: shown.map { (32..<127).contains($0) ? $0 : 46 }, as: UTF8.self))
        }
        let frame = try Frame(parsing: bytes)
        #expect(frame.metadata == ["ld3.format": "1", "ld3.kind": "noise", "ld3.count": "1"])
        #expect(try frame.tensor("seed").int64s() == [137] && frame["seed"]?.shape == [1])
        #expect(try frame.tensor("noise").floats() == [0.5, -2] && frame["noise"]?.shape == [1, 2])
        #expect(frame.image == bytes)
    }

    @Test func testVectorIsWhatTheProgramDraws() throws {
        let result = try Programs.run(
            "ld3-noise", ["--seeds=137", "--shape=8", "--labels=uniform", "--classes=10"])
        let frame = try Frame(parsing: result.output)
        let drawn = try frame.tensor("noise").floats().map { String($0.bitPattern, radix: 16) }
        let rows = page.split(separator: "\n").filter { $0.hasPrefix("| 0 | 480b") || $0.hasPrefix("| 1 | acaa") }
        let printed = rows.flatMap { $0.split(separator: "|")[2].split(separator: " ").map(String.init) }
        #expect(printed == drawn && drawn.count == 8)
        #expect(page.contains("label \(try frame.tensor("label").int64s()[0]) of 10 classes"))
    }

    private func withStage(_ body: (String) throws -> Void) throws {
        let lines = try block("python")
        #expect(lines.count <= 25)
        let folder = try TemporaryFolder()
        // The folder goes with its last use, so it must be kept until the stage has run.
        try withExtendedLifetime(folder) {
            try body(try folder.write(lines.joined(separator: "\n").utf8, to: "mirror.py"))
        }
    }

    @Test(.enabled(if: Programs.exists("python3"), "needs python3")) func stageWorksInAPipe() throws {
        try withStage { stage in
            let noise = "ld3-noise --seeds 0-19 --shape 3 --batch 6"
            let teacher = "ld3-teacher --model gaussian:shape=3,std=0.5 --nfe 5 --quiet"
            let plain = try samples(try Programs.shell("\(noise) | \(teacher)"))
            let twice = try samples(try Programs.shell("\(noise) | python3 \(stage) | python3 \(stage) | \(teacher)"))
            let once = try samples(try Programs.shell("\(noise) | python3 \(stage) | \(teacher)"))
            #expect(plain.seeds == Array(0..<20))
            #expect(twice.seeds == plain.seeds && twice.tensors == plain.tensors)
            #expect(try once.floats("noise") == plain.floats("noise").map { -$0 })
            let programs = try once.part.history().entries.map(\.program)
            #expect(programs == ["ld3-noise", "mirror.py", "ld3-teacher"])
        }
    }

    @Test(.enabled(if: Programs.exists("python3"), "needs python3")) func stageNoticesATruncatedStream() throws {
        try withStage { stage in
            let result = try Programs.shell("ld3-noise -n 5 --shape 3 | head -c 300 | python3 \(stage)")
            #expect(result.status == 1)
            #expect(result.errors.hasPrefix("mirror.py: ends after "))
        }
    }

    /// Returns the whole output of a program as one batch.
    private func samples(_ result: Programs.Result) throws -> SampleBatch {
        #expect(result.status == 0, "\(result.errors)")
        let folder = try TemporaryFolder()
        return try withExtendedLifetime(folder) {
            let stream = try StreamReader.file(try folder.write(result.output, to: "stream"), .pairs)
            return try #require(try SampleReader(stream, known: ["noise", "target"]).all().first)
        }
    }
}

@Suite struct PythonHelperTests {
    @Test(.enabled(if: Programs.exists("python3"), "needs python3")) func helperPassesAStreamOn() throws {
        let script = """
            import sys; sys.path.insert(0, '\(Fixtures.root)/scripts')
            from ld3_stream import Frame, Tensor, frames
            for frame in frames():
                values = frame['noise'].values()
                frame['noise'] = Tensor.of(values, frame['noise'].shape)
                frame.history('copy.py', ['--really'])
                frame.write()
            """
        let folder = try TemporaryFolder()
        let path = try folder.write(script.utf8, to: "copy.py")
        let noise = "ld3-noise --seeds 3-9 --shape 2,3 --batch 4"
        let copied = try Programs.shell("\(noise) | python3 \(path)")
        #expect(copied.status == 0, "\(copied.errors)")
        func batch(_ bytes: [UInt8]) throws -> SampleBatch {
            let stream = try StreamReader.file(try folder.write(bytes, to: "stream"), .noise)
            return try #require(try SampleReader(stream, known: ["noise"]).all().first)
        }
        let (before, after) = (try batch(try Programs.shell(noise).output), try batch(copied.output))
        #expect(before.seeds == after.seeds && before.tensors == after.tensors)
        #expect(try after.part.history().entries.last?.arguments == ["--really"])
        let cut = try Programs.shell("\(noise) | head -c 600 | python3 \(path)")
        #expect(cut.status == 1)
        let gone = try Programs.shell(
            "{ ld3-noise -n 5000 --shape 3,32 | { python3 \(path); echo $? >&2; } } | head -c1")
        #expect(gone.errors == "141\n")
    }
}
