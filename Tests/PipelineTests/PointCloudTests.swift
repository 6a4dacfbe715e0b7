import Checkpoints
import Formats
import Foundation
import Images
import TensorStream
import TestSupport
import Testing

/// Point clouds from noise to metrics, on a small checkpoint with random weights.
@Suite struct PointCloudTests {
    private let generator = Fixtures.path("pointcloud/generator.pt")
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private var environment: [String: String] { ["LD3_MODEL": generator] }

    /// Pairs of 64 points, of the seeds 0 to count - 1.
    private func pairs(_ count: Int = 6, options: String = "", noise: String = "") throws -> [UInt8] {
        let result = try Programs.shell(
            "ld3-noise -n \(count) --shape 64,3 \(noise) | ld3-teacher -q --solver ddim --schedule uniform --steps 10 \(options)",
            environment: environment)
        #expect(result.status == 0, "\(result.errors)")
        return result.output
    }

    @Test func noisePairsFitSamplesMetrics() throws {
        let taught = try pairs()
        for frame in try streamFrames(taught) {
            #expect(try Array(frame.tensor("target").shape.dropFirst()) == [64, 3])
            #expect(try Array(frame.tensor("condition").shape.dropFirst()) == [8])
        }
        let metadata = try streamFrames(taught)[0].metadata
        #expect(metadata["ld3.process"] == "vp-discrete:point-cloud")
        let fit = try Programs.run(
            "ld3-fit", ["-q", "--solver=ddim", "--nfe=3", "--rounds=1,1"], input: taught, environment: environment)
        #expect(fit.status == 0, "\(fit.errors)")
        let schedule = try folder.write(fit.output, to: "three")
        let reference = try Programs.shell(
            "ld3-noise --seeds 100-105 --shape 64,3"
                + " | ld3-sample -q --solver ddim --schedule uniform --steps 10 > '\(folder.file("reference"))'",
            environment: environment)
        #expect(reference.status == 0, "\(reference.errors)")
        let input = try folder.write(taught, to: "pairs")
        let metrics = try Programs.shell(
            "ld3-sample -q --schedule '\(schedule)' < '\(input)' | ld3-fid --json --reference '\(folder.file("reference"))'",
            environment: environment)
        #expect(metrics.status == 0 && metrics.errors.isEmpty, "\(metrics.errors)")
        let document = try JSONValue(parsing: metrics.text)
        let set = try #require(document["sets"]?.elements?.first)
        #expect(set["count"] == 6 && set["seeds"] == "0-5")
        #expect(document["reference"]?["count"] == 6 && document["normalize"] == "bbox")
        for key in ["mmd_cd", "cov_cd", "nna_cd", "jsd", "rmsd"] {
            let value = try #require(set[key]?.double, "\(key)")
            #expect(value > 0 && value.isFinite, "\(key)")
        }
    }

    /// Shapes come from seeds: no batch, shard or program changes them, and those of the stream come first.
    @Test func conditionsTravel() throws {
        let expected = try streamRows(try pairs(7), of: "condition")
        #expect(expected.count == 7 && Set(expected.values).count == 7)
        let targets = try streamRows(try pairs(7), of: "target")
        for options in ["--batch 1 --threads 1", "--batch 2 --threads 3"] {
            let other = try pairs(7, options: options)
            #expect(try streamRows(other, of: "condition") == expected, "\(options)")
            #expect(try streamRows(other, of: "target") == targets, "\(options)")
        }
        #expect(try streamRows(try pairs(7, noise: "--rng torch"), of: "condition") == expected)
        let command = "ld3-sample -q --solver ddim --schedule uniform --steps 10"
        let sampled = try Programs.shell("ld3-noise -n 7 --shape 64,3 | \(command)", environment: environment)
        #expect(try streamRows(sampled.output, of: "condition") == expected)
        #expect(try streamRows(sampled.output, of: "image") == targets)

        // Every cloud is given the shape of seed 3.
        var frame = try streamFrames(try pairs(7))[0]
        let row = try frame.tensor("condition").rows(3..<4).bytes
        let count = try frame.tensor("condition").shape[0]
        frame.tensors.removeAll { $0.name == "condition" }
        frame.metadata["ld3.count"] = "\(count)"
        frame.tensors.append(
            NamedTensor(
                name: "condition", type: .float32, shape: [count, 8], bytes: (0..<count).flatMap { _ in row }))
        let given = try Programs.run(
            "ld3-sample", ["-q", "--solver=ddim", "--schedule=uniform", "--steps=10"], input: frame.image,
            environment: environment)
        let images = try streamRows(given.output, of: "image")
        #expect(images[3] == targets[3] && images[2] != targets[2])
    }

    /// A served model says that it needs the shapes, and answers with the numbers that it gives at home.
    @Test func servedModelsTakeConditions() throws {
        let options = "-q --solver ddim --schedule uniform --steps 2"
        let native = try Programs.shell(
            "ld3-noise -n 2 --shape 2048,3 | ld3-teacher \(options)", environment: environment)
        #expect(native.status == 0, "\(native.errors)")
        let served = ["LD3_MODEL": "exec:ld3-teacher --serve --model '\(generator)'"]
        let input = try folder.write(native.output, to: "whole")
        let sampled = try Programs.shell(
            "ld3-sample --allow-other-model \(options) < '\(input)'", environment: served)
        #expect(sampled.status == 0, "\(sampled.errors)")
        #expect(try streamRows(sampled.output, of: "image") == streamRows(native.output, of: "target"))
        let without = try Programs.shell(
            "ld3-noise -n 2 --shape 2048,3 | ld3-sample \(options)", environment: served)
        #expect(without.status == 65 && without.errors.contains("no tensor `condition`"), "\(without.errors)")
    }

    @Test func cloudsAreDrawn() throws {
        let input = try folder.write(try pairs(4), to: "pairs")
        let drawn = try Programs.shell(
            "ld3-sample -q --solver ddim --schedule quadratic --nfe 3 -o '\(folder.file("out"))'"
                + " --grid '\(folder.file("grid.png"))' < '\(input)'", environment: environment)
        #expect(drawn.status == 0 && drawn.output.isEmpty, "\(drawn.errors)")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.file("out")).sorted()
        #expect(names == (0..<4).map { "00000\($0).png" })
        let first = try Data(contentsOf: URL(fileURLWithPath: folder.file("out/000000.png")))
        #expect(try PNG.decode(Array(first)).form == "256x256 gray")
        let grid = try Data(contentsOf: URL(fileURLWithPath: folder.file("grid.png")))
        #expect(try PNG.decode(Array(grid)).width == 2 * 256 + 3 * 2)
    }

    /// A reference may be an array, a plain file or a stream.
    @Test func everyFormOfAReference() throws {
        let clouds = try SafetensorsFile(path: Fixtures.path("pointcloud/clouds.safetensors"))
        let (samples, references) = (try clouds.tensor("sample_raw"), try clouds.tensor("ref_raw"))
        func renamed(_ tensor: NamedTensor, _ name: String) -> NamedTensor {
            NamedTensor(name: name, type: tensor.type, shape: tensor.shape, bytes: tensor.bytes)
        }
        let set = try folder.write(NPY.serialize(samples), to: "samples.npy")
        let seeds = NamedTensor(name: "seed", shape: [7], int64s: (0..<7).map { Int64($0) })
        let files = [
            try folder.write(NPY.serialize(references), to: "reference.npy"),
            try folder.write(
                Safetensors.serialize(metadata: [:], tensors: [renamed(references, "points")]), to: "points"),
            try folder.write(NPZFile.serialize([renamed(references, "arr_0")]), to: "reference.npz"),
            try folder.write(NPZFile.serialize([renamed(references, "clouds")]), to: "named.NPZ"),
            try folder.write(
                Frame(
                    metadata: ["ld3.format": "1", "ld3.kind": "samples"],
                    tensors: [renamed(references, "image"), seeds]
                ).image, to: "stream"),
        ]
        for (index, file) in files.enumerated() {
            let result = try Programs.run("ld3-fid", ["--json", "--reference", file, set])
            #expect(result.status == 0, "\(result.errors)")
            let entry = try #require(try JSONValue(parsing: result.text)["sets"]?.elements?.first)
            for (key, name) in [
                ("mmd_cd", "metric/lgan_mmd-CD"), ("cov_cd", "metric/lgan_cov-CD"), ("nna_cd", "metric/1-NN-CD-acc"),
                ("jsd", "jsd"),
            ] {
                let (value, expected) = (try #require(entry[key]?.double), try clouds.tensor(name).doubles()[0])
                #expect(abs(value - expected) < 1e-5 * expected, "\(index), \(key): \(value), \(expected)")
            }
        }
        let text = try Programs.run("ld3-fid", ["--reference", files[0], "--no-1nna", "--set-size=3", set])
        #expect(text.status == 0 && text.text.contains("mean COV-CD") && !text.text.contains("1-NNA"), "\(text.text)")
        #expect(text.errors.contains("3 samples for 7 references") && text.errors.contains("left out"))
    }

    @Test func mistakesAreToldInOneLine() throws {
        let reference = try folder.write(
            NPY.serialize(NamedTensor(name: "a", shape: [2, 4, 3], floats: (0..<24).map { Float($0 % 5) })), to: "r.npy"
        )
        let flat = try folder.write(
            NPY.serialize(NamedTensor(name: "a", shape: [2, 4, 3], floats: [Float](repeating: 1, count: 24))),
            to: "flat.npy")
        let far = try folder.write(
            NPY.serialize(
                NamedTensor(name: "a", shape: [2, 4, 3], floats: (0..<24).map { 1e25 * Float($0 % 5) })), to: "far.npy")
        let noise = try Programs.run("ld3-noise", ["-n2", "--shape=64,3"]).output
        let wrong = try streamFrames(noise)[0]
        var short = wrong
        short.tensors.append(NamedTensor(name: "condition", shape: [2, 5], floats: [Float](repeating: 0, count: 10)))
        let teach = ["-q", "--solver=ddim", "--schedule=uniform", "--steps=2", "--model", generator]
        let pictures = try Programs.run("ld3-noise", ["-n2", "--shape=1,32,32"]).output
        let cases: [(String, [String], [UInt8], Int32, String)] = [
            ("ld3-teacher", teach, short.image, 65, "the model wants [8]"),
            ("ld3-teacher", teach, pictures, 65, "samples of shape [1, 32, 32]"),
            ("ld3-teacher", teach + ["--process=edm"], noise, 64, "own process is vp-discrete:point-cloud"),
            ("ld3-teacher", teach + ["--guidance=2"], noise, 64, "no classes"),
            ("ld3-fid", ["--statistics=a.npz", "--reference", reference, reference], [], 64, "--statistics"),
            ("ld3-fid", ["--merge", "--reference", reference, reference], [], 64, "--merge"),
            ("ld3-fid", ["--kid", "--reference", reference, reference], [], 64, "is for pictures"),
            ("ld3-fid", ["--normalize=box", "--reference", reference, reference], [], 64, "bbox"),
            ("ld3-fid", ["--no-1nna", reference], [], 64, "is for clouds"),
            ("ld3-fid", ["--logarithmic", "--reference", reference, reference], [], 64, "--logarithmic"),
            ("ld3-fid", ["--no-1nna", "--reference", folder.file("none"), reference], [], 66, "none"),
            ("ld3-fid", ["--reference", reference, flat], [], 65, "cloud 0: all points"),
            (
                "ld3-fid", ["--normalize=none", "--reference", reference, far], [], 65,
                "cloud 0: has coordinates beyond"
            ),
            ("ld3-fid", ["--reference", reference, generator], [], 65, "generator.pt"),
        ]
        for (program, arguments, input, status, told) in cases {
            let result = try Programs.run(program, arguments, input: input)
            #expect(
                result.status == status && result.output.isEmpty, "\(arguments): \(result.status), \(result.errors)")
            #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
            #expect(result.errors.contains(told), "\(arguments): \(result.errors)")
        }
        let samples = Frame(
            metadata: ["ld3.format": "1", "ld3.kind": "samples"],
            tensors: wrong.tensors.map { tensor in
                NamedTensor(
                    name: tensor.name == "noise" ? "image" : tensor.name, type: tensor.type, shape: tensor.shape,
                    bytes: tensor.bytes)
            })
        let lost = try Programs.run("ld3-fid", ["-q"], input: samples.image)
        #expect(lost.status == 65 && lost.errors.contains("--reference"), "\(lost.errors)")
    }

    @Test func theTableIsRehearsed() throws {
        let script = Fixtures.root + "/scripts/reproduce-pointcloud"
        let result = try Programs.shell(
            "'\(script)' rehearsal",
            environment: [
                "RESULTS": folder.file("results"), "SAMPLES": "5", "POINTS": "48", "TEACHER": "8", "BUDGETS": "3",
                "FIT": "--rounds 1,0",
            ])
        #expect(result.status == 0, "\(result.errors)")
        let rows = result.text.split(separator: "\n").filter { $0.hasPrefix("| ") }
        #expect(rows.count == 6 && rows.allSatisfy { $0.split(separator: "|").count >= 7 }, "\(result.text)")
        #expect(rows.dropFirst().allSatisfy { $0.contains("+-") }, "\(result.text)")
        let missing = try Programs.shell("'\(script)'", environment: ["RESULTS": folder.file("none")])
        #expect(missing.status == 66 && missing.errors.contains("CHECKPOINT"), "\(missing.errors)")
        #expect(missing.errors.split(separator: "\n").count == 1)
    }
}
