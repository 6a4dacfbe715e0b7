import Formats
import Foundation
import Images
import TensorStream
import Tensors
import TestSupport
import Testing

struct SampleProgramTests {
    private let noise = "ld3-noise --seeds 0-6 --shape 1,32,32"

    @Test func sameSeedSameBytes() throws {
        let command = "ld3-sample -q --schedule edm --solver dpm-solver++ --nfe 3"
        let expected = try streamRows(try Programs.shell("\(noise) | \(command)").output, of: "image")
        #expect(expected.count == 7)
        for options in ["--batch 1 --threads 1", "--batch 2 --threads 3"] {
            let output = try Programs.shell("\(noise) | \(command) \(options)").output
            #expect(try streamRows(output, of: "image") == expected, "\(options)")
        }
        let shards = try Programs.shell("for i in 0 1; do \(noise) --shard $i/2 | \(command); done")
        #expect(try streamRows(shards.output, of: "image") == expected)
    }

    /// A solver of 5 evaluations that the teacher and the sampler both run gives the same numbers.
    @Test func studentAndTeacherShareTheirArithmetic() throws {
        let options = "-q --schedule quadratic --solver ipndm --order 2 --nfe 5"
        let taught = try Programs.shell("\(noise) | ld3-teacher \(options)")
        let sampled = try Programs.shell("\(noise) | ld3-sample \(options)")
        #expect(try streamRows(sampled.output, of: "image") == streamRows(taught.output, of: "target"))
        #expect(try streamFrames(sampled.output)[0]["noise"] == nil)
    }

    @Test(arguments: ["round", "truncate"]) func picturesAreTheStreamQuantized(rule: String) throws {
        let folder = try TemporaryFolder()
        let result = try Programs.shell(
            "\(noise) | ld3-sample -q --schedule edm --nfe 3 --quantize \(rule) --stream"
                + " -o '\(folder.file("a/out"))' --grid '\(folder.file("grid.png"))'")
        #expect(result.status == 0, "\(result.errors)")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.file("a/out")).sorted()
        #expect(names == (0..<7).map { "00000\($0).png" })
        let quantization = try #require(Quantization(rawValue: rule))
        for frame in try streamFrames(result.output) {
            let (image, seeds) = (try frame.tensor("image"), try frame.tensor("seed").int64s())
            let expected = try quantization.images(
                Tensor(shape: image.shape, elements: try image.floats()), seeds: seeds)
            for (seed, picture) in zip(seeds, expected) {
                let bytes = FileManager.default.contents(atPath: folder.file("a/out/00000\(seed).png")) ?? Data()
                #expect(try PNG.decode([UInt8](bytes)) == picture)
            }
        }
        let grid = try PNG.decode([UInt8](FileManager.default.contents(atPath: folder.file("grid.png")) ?? Data()))
        #expect(grid.width > 3 * 32 && grid.height > 2 * 32)
    }

    @Test func aFullFolderNeedsForce() throws {
        let folder = try TemporaryFolder()
        try folder.write([1], to: "stale.png")
        let command = "\(noise) | ld3-sample -q --schedule edm --nfe 1 -o '\(folder.path)'"
        let refused = try Programs.shell(command)
        #expect(refused.status == 73 && refused.errors.contains("not empty"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["stale.png"])
        let forced = try Programs.shell(command + " --force")
        #expect(forced.status == 0 && forced.output.isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 8)
    }

    @Test func aSeedThatComesTwiceCannotNameTwoFiles() throws {
        let folder = try TemporaryFolder()
        let result = try Programs.shell(
            "{ \(noise); \(noise); } | ld3-sample -q --schedule edm --nfe 1 -o '\(folder.file("out"))'")
        #expect(result.status == 65 && result.errors.contains("seed 0 comes twice"))
    }

    /// There may be more shards than seeds: a shard without seeds is an empty stream, and makes no picture.
    @Test func anEmptyShardMakesNoPictures() throws {
        let folder = try TemporaryFolder()
        let empty = "ld3-noise --seeds 0-0 --shard 0/2 --shape 1,32,32"
        let result = try Programs.shell(
            "\(empty) | ld3-sample --schedule edm --nfe 1 --grid '\(folder.file("g.png"))' -o '\(folder.file("out"))'")
        #expect(result.status == 0 && result.errors.contains("g.png: not written, there are no samples"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["out"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("out")).isEmpty)
        let stream = try Programs.shell("\(empty) | ld3-sample -q --schedule edm --nfe 1")
        #expect(try stream.status == 0 && streamFrames(stream.output).map { $0.metadata["ld3.count"] } == ["0"])
    }

    @Test func noiseThatIsRefusedLeavesNoFolder() throws {
        let folder = try TemporaryFolder()
        let result = try Programs.run(
            "ld3-sample", ["--schedule=edm", "--nfe=2", "-o", folder.file("out"), "--grid", folder.file("g.png")],
            input: noiseStream(count: 2, shape: [1, 16, 16]))
        #expect(result.status == 65 && result.errors.contains("[1, 16, 16]"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    @Test func picturesNeedAnImageShape() throws {
        let folder = try TemporaryFolder()
        let result = try Programs.run(
            "ld3-sample", ["--model=gaussian:shape=8", "--schedule=edm", "--nfe=2", "--grid", folder.file("g.png")],
            input: noiseStream(count: 2, shape: [8]))
        #expect(result.status == 65 && result.errors.contains("--grid: samples of shape [8]"), "\(result.errors)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    @Test func volumesNeedAStreamToGoTo() throws {
        let folder = try TemporaryFolder()
        let result = try Programs.run(
            "ld3-sample", ["--schedule=edm", "--nfe=4", "--log-determinant", "-o", folder.path + "/pictures"],
            input: noiseStream(count: 1, shape: [1, 32, 32]))
        #expect(result.status == 64 && result.errors.contains("--stream"), "\(result.errors)")
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/pictures"))
    }

    /// Euler on Gaussian data has a closed form; noise moved within a ball has the same volume there.
    @Test func logDeterminants() throws {
        let model = "--model gaussian:shape=4,std=0.5"
        let command = "ld3-sample -q \(model) --schedule times:- --solver euler --log-determinant"
        let folder = try TemporaryFolder()
        let list = try folder.write(Array("80 2 0.5 0.002".utf8), to: "times.txt")
        let factors = [(80, 2), (2, 0.5), (0.5, 0.002)].map { t, u in Double.log((t * u + 0.25) / (t * t + 0.25)) }
        for options in ["", "--move 0.5", "--shard 1/2"] {
            let result = try Programs.shell(
                "ld3-noise --seeds 0-4 --shape 4 \(options) | "
                    + command.replacingOccurrences(of: "times:-", with: "'times:\(list)'"))
            #expect(result.status == 0, "\(result.errors)")
            for frame in try streamFrames(result.output) {
                for value in try frame.tensor("log_determinant").doubles() {
                    #expect(abs(value - 4 * factors.reduce(0, +)) < 1e-4)
                }
            }
        }
    }

    /// Outputs that cannot be written are refused before the input is read: reading none would be status 65.
    @Test func outputsAreCheckedBeforeTheInput() throws {
        let full = try TemporaryFolder()
        try full.write([1], to: "file")
        let cases: [(options: [String], status: Int32)] = [
            (["--grid", full.file("none/grid.png")], 73), (["-o", full.path], 73),
            (["--log-determinant", "-o", full.file("new")], 64), (["--model", full.file("none.pkl")], 66),
        ]
        for (options, status) in cases {
            let result = try Programs.run("ld3-sample", ["--schedule=edm", "--nfe=2"] + options, input: [])
            #expect(result.status == status, "\(options): \(result.errors)")
            #expect(result.errors.split(separator: "\n").count == 1 && result.output.isEmpty)
        }
    }
}
