import Formats
import Foundation
import TensorStream
import TestSupport
import Testing

/// Tests the choices that a stream or a schedule may make (docs/MODELS.md, "What is trusted").
@Suite struct TrustTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// A way in which data with these metadata reaches a program.
    enum Way: String, CaseIterable {
        case noiseToTeacher, noiseToSample, pairsToFit, schedule, scheduleToTeacher, document
    }

    /// Runs the program that reads the data, with `options` and `environment`.
    private func run(
        _ way: Way, _ metadata: [String: String], options: [String] = [], environment: [String: String] = [:]
    ) throws -> Programs.Result {
        let noise = noiseStream(count: 4, shape: [8])
        func named(_ kind: String, _ extra: [NamedTensor] = []) throws -> [UInt8] {
            var frame = try streamFrames(noise)[0]
            frame.metadata.merge(metadata) { _, new in new }
            frame.metadata["ld3.kind"] = kind
            frame.tensors += extra
            return frame.image
        }
        func run(_ program: String, _ own: [String], _ input: [UInt8]) throws -> Programs.Result {
            try Programs.run(program, ["-q"] + own + options, input: input, environment: environment)
        }
        switch way {
        case .noiseToTeacher: return try run("ld3-teacher", ["--nfe=4"], named("noise"))
        case .noiseToSample: return try run("ld3-sample", ["--schedule=edm", "--nfe=2"], named("noise"))
        case .pairsToFit:
            let target = NamedTensor(name: "target", shape: [4, 8], floats: [Float](repeating: 0.5, count: 32))
            return try run("ld3-fit", ["--nfe=2", "--method=heuristic"], named("pairs", [target]))
        case .schedule: return try run("ld3-sample", ["--schedule", schedule(metadata)], noise)
        case .scheduleToTeacher: return try run("ld3-teacher", ["--schedule", schedule(metadata)], noise)
        case .document: return try run("ld3-sample", ["--schedule", document(metadata)], noise)
        }
    }

    private func schedule(_ metadata: [String: String]) throws -> String {
        let times = [80, 1, 0.002]
        let own = [
            "ld3.format": "1", "ld3.kind": "schedule", "ld3.process": "edm", "ld3.solver": "ipndm", "ld3.order": "2",
            "ld3.variant": "", "ld3.method": "ld3",
        ]
        let frame = Frame(
            metadata: own.merging(metadata) { _, new in new },
            tensors: ["t", "t_model"].map { NamedTensor(name: $0, shape: [3], doubles: times) })
        return try folder.write(frame.image, to: "schedule.safetensors")
    }

    private func document(_ metadata: [String: String]) throws -> String {
        let members = [("model", "ld3.model"), ("model_sha256", "ld3.model_sha256")].compactMap { member, key in
            metadata[key].map { "\"\(member)\": \(JSONValue.string($0).text), " }
        }
        let text = """
            {"format": "ld3-schedule", "version": 1, \(members.joined()) "solver": "ipndm", "order": 2, "variant": "",
             "process": \(JSONValue.string(metadata["ld3.process"] ?? "edm").text), "method": "ld3", "times": [80, 1, 0.002]}
            """
        return try folder.write(Array(text.utf8), to: "schedule.json")
    }

    private func expectRefused(_ result: Programs.Result, status: Int32 = 65, telling words: String...) {
        #expect(result.status == status && result.output.isEmpty, "\(result.errors)")
        #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
        for word in words { #expect(result.errors.contains(word), "\(result.errors)") }
    }

    /// Writes a model of eight numbers, with `unread` bytes that no model reads.
    private func mixture(unread: Int = 0) throws -> String {
        try folder.write(
            Frame(tensors: [
                NamedTensor(name: "unread", type: .uint8, shape: [unread], bytes: .init(repeating: 0, count: unread)),
                NamedTensor(name: "mixture/weights", shape: [1], doubles: [1]),
                NamedTensor(name: "mixture/means", shape: [1, 8], doubles: [Double](repeating: 0, count: 8)),
                NamedTensor(name: "mixture/stds", shape: [1, 8], doubles: [Double](repeating: 1, count: 8)),
            ]).image, to: "mixture.safetensors")
    }

    @Test(arguments: Way.allCases) func dataRunsNoCommand(_ way: Way) throws {
        let ran = folder.file("ran")
        let result = try run(way, ["ld3.model": "exec:touch '\(ran)'; exit 1"])
        expectRefused(result, telling: "ld3.model", "--model", "LD3_MODEL")
        #expect(!FileManager.default.fileExists(atPath: ran))
    }

    @Test(arguments: Way.allCases) func modelsWithoutAFileAreTaken(_ way: Way) throws {
        let result = try run(way, ["ld3.model": "gaussian:shape=8,std=0.5", "ld3.process": "edm"])
        #expect(result.status == 0, "\(result.errors)")
    }

    @Test(arguments: Way.allCases) func aFileIsTakenByItsDigestAlone(_ way: Way) throws {
        let path = try mixture()
        let digest = try modelDigest(ofFile: path)
        let model = "gmm:\(path)"
        let own = try run(way, ["ld3.model": model, "ld3.process": "edm", "ld3.model_sha256": digest])
        #expect(own.status == 0, "\(own.errors)")
        expectRefused(try run(way, ["ld3.model": model, "ld3.process": "edm"]), telling: "digest", "--model")
        let other = String(repeating: "0", count: 64)
        for wrong in [other, "", "-", "-\(digest)"] {
            expectRefused(
                try run(way, ["ld3.model": model, "ld3.process": "edm", "ld3.model_sha256": wrong]),
                telling: "digest", "--model")
        }
        expectRefused(
            try run(
                way, ["ld3.model": model, "ld3.process": "edm", "ld3.model_sha256": other],
                options: ["--allow-other-model"]), telling: "digest", "--model")
    }

    /// Earlier versions recorded the first part of a large file's digest alone.
    @Test func aLargeFileIsTakenByTheFirstPartToo() throws {
        let model = "gmm:\(try mixture(unread: 17 << 20))"
        let parts = try modelDigest(ofFile: folder.file("mixture.safetensors")).split(separator: "-").map(String.init)
        #expect(parts.count == 2)
        func result(_ digest: String) throws -> Programs.Result {
            try run(.noiseToSample, ["ld3.model": model, "ld3.process": "edm", "ld3.model_sha256": digest])
        }
        for digest in [parts[0], "\(parts[0])-\(parts[1])"] {
            let taken = try result(digest)
            #expect(taken.status == 0, "\(taken.errors)")
        }
        for digest in [parts[1], "\(parts[0])-\(parts[0])", "\(parts[0])-"] {
            expectRefused(try result(digest), telling: "digest", "--model")
        }
    }

    /// A FIFO would block the program, and a checkpoint with another digest is not parsed.
    @Test(arguments: Way.allCases) func onlyARegularFileIsOpened(_ way: Way) throws {
        let pipe = folder.file("pipe")
        #expect(mkfifo(pipe, 0o600) == 0)
        let digest = String(repeating: "0", count: 64)
        for path in [pipe, folder.file("absent.pkl"), "/dev/zero", folder.path] {
            let result = try run(way, ["ld3.model": path, "ld3.process": "edm", "ld3.model_sha256": digest])
            expectRefused(result, status: 66, telling: "no regular file", "--model")
        }
        let secret = try folder.write(Array("a secret line".utf8), to: "secret.pkl")
        let result = try run(way, ["ld3.model": secret, "ld3.process": "edm", "ld3.model_sha256": digest])
        expectRefused(result, telling: "digest")
        #expect(!result.errors.contains("a secret line"))
    }

    @Test(arguments: Way.allCases) func dataChoosesNoTableOfNoiseLevels(_ way: Way) throws {
        let table = try folder.write(Array("0.99 0.9 0.5 secret".utf8), to: "table.txt")
        let metadata = ["ld3.model": "gaussian:shape=8,std=0.5", "ld3.process": "vp-discrete:\(table)"]
        let result = try run(way, metadata)
        expectRefused(result, telling: "vp-discrete", "--process")
        #expect(!result.errors.contains("secret"))
    }

    /// `--process` names the file that the data name too, so that it is the user's choice.
    @Test(arguments: [Way.noiseToTeacher, .noiseToSample]) func theUserMayChooseTheTable(_ way: Way) throws {
        let table = try folder.write(Array("0.99 0.9 0.5 0.1".utf8), to: "table.txt")
        let process = "vp-discrete:\(table)"
        let result = try run(
            way, ["ld3.model": "gaussian:shape=8,std=0.5", "ld3.process": process], options: ["--process", process])
        #expect(result.status == 0, "\(result.errors)")
    }

    /// A schedule and a document for a process in a file can be followed if the user names it.
    @Test(arguments: [Way.schedule, .document]) func aScheduleOfANamedTableIsFollowed(_ way: Way) throws {
        let table = try folder.write(Array("0.99 0.9 0.5 0.1".utf8), to: "table.txt")
        let process = "vp-discrete:\(table)"
        let result = try run(
            way, ["ld3.model": "gaussian:shape=8,std=0.5", "ld3.process": process],
            options: ["--process", process])
        // The times of the file are EDM's, so it is refused for them and not for the name of its process.
        #expect(result.status == 65 && result.errors.contains("where no noise is left"), "\(result.errors)")
    }

    @Test(arguments: Way.allCases) func theUserNamesTheModel(_ way: Way) throws {
        let ran = folder.file("ran")
        let metadata = ["ld3.model": "exec:touch '\(ran)'; exit 1", "ld3.process": "edm"]
        let byOption = try run(way, metadata, options: ["--model", "gaussian:shape=8,std=0.5"])
        let byEnvironment = try run(way, metadata, environment: ["LD3_MODEL": "gaussian:shape=8,std=0.5"])
        #expect(byOption.status == 0 && byEnvironment.status == 0, "\(byOption.errors)\(byEnvironment.errors)")
        #expect(!FileManager.default.fileExists(atPath: ran))
    }

    /// LD3_MODEL names the model of a whole pipeline, a command too; `--model` goes before it.
    @Test func oneVariableServesAPipeline() throws {
        let result = try Programs.shell(
            "ld3-noise --seeds 0-7 | ld3-teacher -q --nfe 4 | ld3-fit -q --nfe 2 --method heuristic",
            environment: ["LD3_MODEL": "exec:ld3-teacher --serve --model gaussian:shape=8,std=0.5"])
        #expect(result.status == 0, "\(result.errors)")
        let frame = try streamFrames(result.output)[0]
        #expect(frame.metadata["ld3.model"]?.hasPrefix("exec:ld3-teacher") == true)
        let shape = try Programs.shell(
            "ld3-noise -n 1 --model gaussian:shape=3", environment: ["LD3_MODEL": "gaussian:shape=8,std=0.5"])
        #expect(try streamFrames(shape.output)[0].tensor("noise").shape == [1, 3])
    }

    /// A denoiser or a sampler that names a table of noise levels does not choose a file either.
    @Test(
        .enabled(if: Programs.exists("python3"), "python3 is not there"),
        arguments: ["", #", "ld3.answers": '["step"]'"#])
    func aModelInAnotherProcessChoosesNoTable(answers: String) throws {
        let table = try folder.write(Array("0.99 0.9 0.5 secret".utf8), to: "table.txt")
        let script = try folder.write(
            Array(
                """
                import sys
                sys.path.insert(0, sys.argv[1])
                from ld3_stream import Frame
                Frame({"ld3.format": "1", "ld3.kind": "model", "ld3.shape": "[8]", "ld3.pullback": "false",
                       "ld3.process": "vp-discrete:\(table)"\(answers)}).write()
                sys.stdin.read()
                """.utf8), to: "child.py")
        let result = try run(
            .noiseToTeacher, [:], options: ["--model", "exec:python3 \(script) \(Fixtures.root)/scripts"])
        expectRefused(result, telling: "vp-discrete", "--process")
        #expect(!result.errors.contains("secret"))
    }

    /// A child does not learn LD3_MODEL, which may be the child itself.
    @Test func aChildDoesNotInheritTheModel() throws {
        let result = try run(
            .noiseToTeacher, [:], environment: ["LD3_MODEL": "exec:echo model=$LD3_MODEL. >&2; exit 3"])
        #expect(result.status == 74 && result.errors.contains("model=."), "\(result.errors)")
    }

    @Test func anExportOpensNothing() throws {
        let table = try folder.write(Array("0.99 0.9 0.5".utf8), to: "table.txt")
        for file in [
            try schedule(["ld3.process": "vp-discrete:\(table)"]),
            try document(["ld3.process": "vp-discrete:\(table)"]),
        ] {
            let result = try Programs.run("ld3-fit", ["--schedule", file, "--export", "comfy"])
            expectRefused(result, telling: "vp-discrete", "--process")
        }
    }

    @Test func aStartOpensNothing() throws {
        let ran = folder.file("ran")
        let start = try schedule(["ld3.model": "exec:touch '\(ran)'", "ld3.process": "edm"])
        let pairs = "ld3-noise --seeds 0-7 --shape 8 | ld3-teacher -q --nfe 4 --model gaussian:shape=8,std=0.5"
        let result = try Programs.shell("\(pairs) | ld3-fit -q --steps 2 --method heuristic --start '\(start)'")
        #expect(result.status == 0, "\(result.errors)")
        #expect(!FileManager.default.fileExists(atPath: ran))
    }

    /// Samples name their model too; a distance needs none.
    @Test func aDistanceOpensNoModel() throws {
        let ran = folder.file("ran")
        let made = try Programs.shell("ld3-noise -n 12 | ld3-sample -q --schedule edm --nfe 1")
        var frames = try streamFrames(made.output)
        frames[0].metadata["ld3.model"] = "exec:touch '\(ran)'"
        frames[0].metadata["ld3.model_sha256"] = nil
        let result = try Programs.run("ld3-fid", ["-q", "--reference=mnist"], input: frames.flatMap(\.image))
        #expect(result.status == 0, "\(result.errors)")
        #expect(!FileManager.default.fileExists(atPath: ran))
    }
}
