import Formats
import TensorStream
import TestSupport
import Testing

/// Returns each seed's own bytes: its noise, and its label if there is one.
private func rows(_ bytes: [UInt8]) throws -> [Int64: [UInt8]] {
    var result: [Int64: [UInt8]] = [:]
    for frame in try streamFrames(bytes) {
        let (noise, seeds) = (try frame.tensor("noise"), try frame.tensor("seed").int64s())
        for (row, seed) in seeds.enumerated() {
            result[seed] = noise.rows(row..<row + 1).bytes + (frame["label"]?.rows(row..<row + 1).bytes ?? [])
        }
    }
    return result
}

@Suite struct NoiseProgramTests {
    private let common = ["--shape=3,5", "--labels=uniform", "--classes=10"]

    private func noise(_ arguments: String...) throws -> Programs.Result {
        try Programs.run("ld3-noise", arguments + common)
    }

    @Test(arguments: ["philox", "torch"]) func sameSeedSameBytes(_ rng: String) throws {
        let whole = try rows(try noise("--rng", rng, "--seeds=0-40,100").output)
        #expect(whole.count == 42)
        for batch in ["1", "2", "7", "1000"] {
            #expect(
                try rows(try noise("--rng", rng, "--seeds=0-40,100", "--batch", batch, "--threads", "3").output)
                    == whole)
        }
        var parts: [Int64: [UInt8]] = [:]
        for index in 0..<4 {
            let part = try rows(try noise("--rng", rng, "--seeds=0-40,100", "--shard=\(index)/4").output)
            parts.merge(part) { _, _ in [] }
        }
        #expect(parts == whole)
    }

    @Test func streamSaysWhatItIs() throws {
        let output = try streamFrames(try noise("-n5", "--batch=2", "--threads=1").output)
        #expect(output.map { $0["noise"]?.shape } == [[2, 3, 5], [2, 3, 5], [1, 3, 5]])
        #expect(output[0].metadata["ld3.count"] == "5" && output[0].metadata["ld3.kind"] == "noise")
        #expect(output[1].metadata.isEmpty)
        let history = try Provenance(parsing: output[0].metadata["ld3.history"] ?? "")
        #expect(history.entries.map(\.arguments) == [["--count=5"] + common])
        #expect(output[0].metadata["ld3.model"] == nil)
    }

    @Test func emptyShardIsOneFrame() throws {
        let output = try streamFrames(try noise("-n1", "--shard=0/2").output)
        #expect(output.count == 1)
        #expect(output[0].metadata["ld3.count"] == "0" && output[0]["noise"]?.shape == [0, 3, 5])
    }

    @Test func labels() throws {
        func labels(_ options: String...) throws -> [Int64]? {
            let result = try Programs.run("ld3-noise", ["--seeds=8-12", "--shape=2"] + options)
            return try streamFrames(result.output)[0]["label"]?.int64s()
        }
        #expect(try labels() == nil)
        #expect(try labels("--labels=balanced", "--classes=10") == [8, 9, 0, 1, 2])
        #expect(try labels("--labels=3", "--classes=4") == [3, 3, 3, 3, 3])
        #expect(try labels("--labels=uniform", "--classes=2")?.allSatisfy { (0...1).contains($0) } == true)
        #expect(try noise("-n1", "--labels=balancd").status == 64)
    }

    @Test func arrayBecomesNoise() throws {
        let folder = try TemporaryFolder()
        let array = NamedTensor(name: "a", shape: [3, 2], doubles: [1, 2, 3, 4, 5, 6])
        let path = try folder.write(try NPY.serialize(array), to: "latents.npy")
        let output = try streamFrames(
            try Programs.run("ld3-noise", ["--from", path, "--seeds=5-7", "--shard=1/2"]).output)
        #expect(try output[0].tensor("noise").floats() == [3, 4, 5, 6])
        #expect(try output[0].tensor("seed").int64s() == [6, 7])
        #expect(try Programs.run("ld3-noise", ["--from", path, "-n4"]).status == 64)
        #expect(try Programs.run("ld3-noise", ["--from", folder.file("no")]).status == 66)
    }

    @Test func mistakesHaveOneLineAndAStatus() throws {
        func check(_ arguments: [String], _ status: Int32, _ line: String) throws {
            let result = try Programs.run("ld3-noise", arguments)
            #expect(result.status == status)
            #expect(result.errors == "ld3-noise: \(line)\n")
            #expect(result.output.isEmpty)
        }
        try check(["--seedz=1"], 64, "--seedz: unknown option; did you mean --seeds?")
        try check(["--seeds=0-3,2", "--shape=2"], 64, "--seeds: seed 2 is repeated")
        try check(["--shape=2"], 64, "--seeds: is required")
        try check(["-n1", "--shape=2", "--shard="], 64, "--shard: `` is not i/n with i from 0 to n-1")
        try check(
            ["-n1", "--shape=2", "--rng=filox"], 64, "--rng: `filox` is none of philox, torch; did you mean philox?")
        for shape in ["0", "3,x", "3,,4", "2147483648,2147483648,2147483648"] {
            try check(
                ["-n1", "--shape=\(shape)"], 64,
                "--shape: `\(shape)` is not a shape such as 3,32,32 of at most 268435456 elements")
        }
    }
}

@Suite struct OutputTests {
    private let many = "ld3-noise -n 5000 --shape 3,32,32"

    @Test func fullDiskIsAnError() throws {
        let result = try Programs.shell("\(many) > /dev/full")
        #expect(result.status == 74)
        #expect(result.errors == "ld3-noise: standard output: cannot write: no space left on device\n")
    }

    @Test(arguments: ["", "trap '' PIPE; "]) func readerThatGoesIsNoError(_ trap: String) throws {
        let result = try Programs.shell("\(trap){ \(many); echo $? >&2; } | head -c1")
        #expect(result.errors == "141\n")
        #expect(result.output.count == 1)
    }

    @Test func closedOutputIsAnError() throws {
        let result = try Programs.run("ld3-noise", ["-n1", "--shape=2"], standardOutput: .closed)
        #expect(result.status == 74)
    }

    @Test func terminalIsRefused() throws {
        let result = try Programs.run("ld3-noise", ["-n1", "--shape=2"], standardOutput: .terminal)
        #expect(result.status == 64)
        #expect(result.errors.hasPrefix("ld3-noise: standard output: is a terminal"))
    }

    @Test func interruptionEndsWith130() throws {
        let command = "timeout --preserve-status -s INT 0.3 ld3-noise -n 100000000 --shape 3,32,32 > /dev/null"
        let result = try Programs.shell(command)
        #expect(result.status == 130)
        #expect(result.errors.isEmpty)
    }

    @Test(arguments: ["ld3-noise"]) func helpAndVersion(_ program: String) throws {
        for arguments in [["--help"], ["-h"], ["--frobnicate", "--help"]] {
            let help = try Programs.run(program, arguments)
            #expect(help.status == 0 && help.errors.isEmpty)
            #expect(help.text.hasPrefix("\(program) - "))
            #expect(help.text.split(separator: "\n").allSatisfy { $0.count <= 80 })
        }
        let version = try Programs.run(program, ["--version"])
        #expect(version.status == 0 && version.text.hasPrefix("\(program) 0."))
    }

    /// The program's choice of OpenBLAS kernels is not handed to children.
    @Test func environmentOfTheUserStands() throws {
        let script = "OPENBLAS_CORETYPE=HASWELL ld3-noise -n1 --shape 2 | cksum; ld3-noise -n1 --shape 2 | cksum"
        let lines = try Programs.shell(script).text.split(separator: "\n")
        #expect(lines.count == 2 && lines[0] == lines[1])
    }
}
