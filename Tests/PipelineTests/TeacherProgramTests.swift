import Formats
import Foundation
import TensorStream
import TestSupport
import Testing

struct TeacherProgramTests {
    @Test func pairsSayWhereTheyComeFrom() throws {
        let result = try Programs.shell("ld3-noise --seeds 5-9 --shape 1,32,32 | ld3-teacher --nfe 6 --batch 3")
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.errors.contains("unipc 3 bh1 along logsnr: 6 steps, 6 evaluations, 7 values"))
        let frames = try streamFrames(result.output)
        #expect(frames.map { $0["target"]?.shape } == [[3, 1, 32, 32], [2, 1, 32, 32]])
        let metadata = frames[0].metadata
        #expect(metadata["ld3.kind"] == "pairs" && metadata["ld3.count"] == "5")
        #expect(metadata["ld3.model"] == "mnist32" && metadata["ld3.process"] == "edm")
        #expect(metadata["ld3.model_sha256"]?.count == 64)
        let history = try Provenance(parsing: metadata["ld3.history"] ?? "")
        #expect(history.entries.map(\.program) == ["ld3-noise", "ld3-teacher"])
        #expect(history.entries[1].arguments == ["--nfe=6"])
        #expect(frames[1].metadata.isEmpty)
    }

    /// The flow of Gaussian data has a closed form.
    @Test func gaussianTargetsAreThoseOfTheClosedForm() throws {
        let noise = noiseStream(count: 6, shape: [8])
        let result = try Programs.run(
            "ld3-teacher", ["--model=gaussian:shape=8,mean=0.25,std=0.5", "--nfe=100", "--quiet"], input: noise)
        #expect(result.errors.isEmpty)
        let frame = try streamFrames(result.output)[0]
        let (start, target) = (try frame.tensor("noise").floats(), try frame.tensor("target").floats())
        let shrink = ((0.25 + 0.002 * 0.002) / (0.25 + 80 * 80)).squareRoot()
        for (noise, x) in zip(start, target) {
            #expect(abs(Double(x) - (0.25 + (80 * Double(noise) - 0.25) * shrink)) < 2e-4)
        }
    }

    @Test func sameSeedSameBytes() throws {
        let noise = "ld3-noise --seeds 0-8 --shape 1,32,32 --labels balanced --classes 10"
        let whole = try Programs.shell("\(noise) | ld3-teacher -q --nfe 4").output
        let expected = try streamRows(whole, of: "target")
        #expect(expected.count == 9)
        for options in ["--batch 1 --threads 1", "--batch 2 --threads 3", "--batch 7"] {
            let output = try Programs.shell("\(noise) | ld3-teacher -q --nfe 4 \(options)").output
            #expect(try streamRows(output, of: "target") == expected, "\(options)")
        }
        let shards = try Programs.shell(
            "for i in 0 1 2; do \(noise) --shard $i/3 | ld3-teacher -q --nfe 4; done")
        #expect(try streamRows(shards.output, of: "target") == expected)
    }

    @Test func foreignTensorsPass() throws {
        let noise = noiseStream(
            count: 5, shape: [4],
            extra: [
                NamedTensor(name: "place", shape: [5, 2], int64s: Array(0..<10)),
                NamedTensor(name: "loose", shape: [3], int64s: [1, 2, 3]),
            ])
        let result = try Programs.run(
            "ld3-teacher", ["--model=gaussian:shape=4", "--batch=2", "--nfe=3"], input: noise)
        let frames = try streamFrames(result.output)
        #expect(try frames.flatMap { try $0.tensor("place").int64s() } == Array(0..<10))
        #expect(frames.allSatisfy { $0["loose"] == nil })
        #expect(result.errors.contains("`loose`"))
    }

    @Test func anEmptyShardIsAnEmptyPart() throws {
        let result = try Programs.shell(
            "ld3-noise --seeds 0-1 --shard 0/3 --shape 4 | ld3-teacher --model gaussian:shape=4")
        let frames = try streamFrames(result.output)
        #expect(result.status == 0 && frames.count == 1)
        #expect(frames[0]["target"]?.shape == [0, 4] && frames[0].metadata["ld3.count"] == "0")
    }

    /// The engine gives the same bytes if it is asked through its public conversation.
    @Test func aServedModelIsTheModel() throws {
        let noise = "ld3-noise --seeds 0-2 --shape 1,32,32 --labels balanced --classes 10"
        let direct = try Programs.shell("\(noise) | ld3-teacher -q --nfe 4 --guidance 2")
        let served = try Programs.shell(
            "\(noise) | ld3-teacher -q --nfe 4 --guidance 2 --model 'exec:ld3-teacher --serve --model mnist32'")
        #expect(served.status == 0, "\(served.errors)")
        #expect(try streamRows(served.output, of: "target") == streamRows(direct.output, of: "target"))
        #expect(try streamFrames(served.output)[0].metadata["ld3.model_sha256"] == nil)
    }

    @Test func theServerAnswersWithGradientsAndTellsFaults() throws {
        func request(_ tensors: [NamedTensor]) -> [UInt8] {
            Frame(metadata: ["ld3.format": "1", "ld3.kind": "denoise"], tensors: tensors).image
        }
        let x = NamedTensor(name: "x", shape: [2, 2], floats: [1, -2, 0.5, 4])
        let t = NamedTensor(name: "t", shape: [2], doubles: [0.5, 2])
        let cotangent = NamedTensor(name: "cotangent", shape: [2, 2], floats: [1, 0, 0, 2])
        let good = try Programs.run(
            "ld3-teacher", ["--serve", "--model=gaussian:shape=2,std=0.5"],
            input: request([x, t]) + request([x, t, cotangent]))
        #expect(good.status == 0, "\(good.errors)")
        let frames = try streamFrames(good.output)
        #expect(frames.count == 3)
        #expect(
            frames[0].metadata == [
                "ld3.format": "1", "ld3.kind": "model", "ld3.process": "edm", "ld3.shape": "[2]",
                "ld3.pullback": "true", "ld3.reads_prompts": "false",
            ])
        // D = x c^2 / (c^2 + s^2)
        #expect(try frames[1].tensor("denoised").floats() == [0.5, -1, 0.5 / 17, 4 / 17])
        #expect(try frames[2].tensor("x_cotangent").floats() == [0.5, 0, 0, 2 / 17])
        let slopes = try frames[2].tensor("t_cotangent").doubles()
        #expect(abs(slopes[0] + 2 * 0.5 * 0.25 / 0.25) < 1e-12)
        #expect(abs(slopes[1] + 2 * 2 * 0.25 / (4.25 * 4.25) * 8) < 1e-12)

        let bad = try Programs.run("ld3-teacher", ["--serve", "--model=gaussian:shape=3"], input: request([x, t]))
        #expect(bad.status == 65)
        #expect(try streamFrames(bad.output).last?.metadata["ld3.error"]?.contains("[2, 2]") == true)
    }

    /// A child gets the user's environment and descriptors, and nothing of the program's own.
    @Test func aChildGetsACleanEnvironment() throws {
        let command =
            "exec:echo core=$OPENBLAS_CORETYPE. mark=$LD3_STARTED_AGAIN. $(ls /proc/self/fd | wc -l) >&2; exit 1"
        func told(_ environment: [String: String]) throws -> String {
            try Programs.run(
                "ld3-teacher", ["--model", command], input: noiseStream(count: 1, shape: [4]),
                environment: environment
            ).errors
        }
        let count = try Programs.shell("echo $(ls /proc/self/fd | wc -l)").text.split(separator: "\n")[0]
        let ours = ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"] ?? ""
        #expect(try told([:]).contains("core=\(ours). mark=. \(count)\""))
        #expect(try told(["OPENBLAS_CORETYPE": "Haswell"]).contains("core=Haswell. mark=. \(count)\""))
    }

    @Test func guidanceWithoutLabelsIsWarnedOf() throws {
        let noise = noiseStream(count: 1, shape: [1, 32, 32])
        let result = try Programs.run("ld3-teacher", ["--nfe=1", "--guidance=2"], input: noise)
        #expect(result.status == 0 && result.errors.contains("guidance changes nothing"))
        #expect(try streamFrames(result.output)[0].metadata["ld3.guidance"] == "2.0")
    }

    @Test(.enabled(if: Programs.exists("python3"), "python3 is not there"))
    func aPythonTeacherSpeaksTheStream() throws {
        let stage = """
            import sys; sys.path.insert(0, sys.argv[1])
            from ld3_stream import frames
            for frame in frames():
                frame["target"] = frame["noise"]
                if frame.metadata: frame.metadata["ld3.kind"] = "pairs"
                frame.history("python")
                frame.write()
            """
        let result = try Programs.shell(
            "ld3-noise --seeds 0-4 --shape 4 | python3 -c '\(stage)' '\(Fixtures.root)/scripts'"
                + " | ld3-sample -q --model gaussian:shape=4 --schedule edm --nfe 3")
        #expect(result.status == 0, "\(result.errors)")
        #expect(try streamRows(result.output, of: "image").count == 5)
        #expect(try streamRows(result.output, of: "target").count == 5)
    }

    @Test func describesAModelFile() throws {
        let path = Fixtures.path("checkpoints/ddpmpp_cond_edm.pkl")
        let text = try Programs.run("ld3-teacher", ["--describe", "--model", path])
        #expect(text.status == 0, "\(text.errors)")
        #expect(String(decoding: text.output, as: UTF8.self).contains("architecture  EDMPrecond, SongUNet"))
        let json = try Programs.run("ld3-teacher", ["--describe", "--json", "--model", path])
        #expect(try JSONValue(parsing: json.output)["parameters"]?.integer ?? 0 > 10_000)
        let none = try Programs.run("ld3-teacher", ["--describe", "--model", "gaussian:shape=8"])
        #expect(none.status == 64)
        let corrupt = try Programs.run("ld3-teacher", ["--describe", "--model", Fixtures.path("fid/images/0.png")])
        #expect(corrupt.status == 65 && corrupt.errors.contains("is a PNG picture"))
    }
}
