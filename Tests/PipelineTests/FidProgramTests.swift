import Formats
import Foundation
import Images
import TensorStream
import TestSupport
import Testing

/// Runs ld3-fid as a user does, on samples of the analytic Gaussian model.
@Suite struct FidProgramTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Returns a command that makes samples of these seeds: a stream, or with `-o` pictures.
    private func sampling(_ seeds: String, _ rest: String = "") -> String {
        "ld3-noise --seeds \(seeds) --shape 1,32,32 | ld3-sample -q --model gaussian:shape=1,32,32,mean=0,std=0.5"
            + " --schedule logsnr --solver ddim --nfe 2 \(rest)"
    }

    private func shell(_ script: String) throws -> Programs.Result {
        try Programs.shell("cd '\(folder.path)'; \(script)")
    }

    private func distance(_ script: String) throws -> Double {
        let result = try shell(script)
        #expect(result.status == 0, "\(result.errors)")
        let document = try JSONValue(parsing: result.text)
        return try #require(document["sets"]?.elements?.first?["distance"]?.double)
    }

    @Test func streamFolderAndMergedShardsAgree() throws {
        let stream = try distance("\(sampling("0-99")) > s; ld3-fid --json s")
        #expect(try distance("ld3-fid --json < s") == stream)
        #expect(try distance("ld3-fid --json --batch 7 --threads 1 < s") == stream)
        #expect(try distance("\(sampling("0-99", "-o pictures")) && ld3-fid --json pictures") == stream)
        #expect(stream > 100)

        let parts =
            "\(sampling("0-36")) | ld3-fid --statistics a.npz && \(sampling("37-99")) | ld3-fid --statistics b.safetensors"
        let merged = try distance("\(parts) && ld3-fid --json --merge --reference mnist b.safetensors a.npz")
        #expect(abs(merged - stream) <= 1e-10 * stream)
        #expect(try distance("ld3-fid --json --merge --reference mnist a.npz b.safetensors") == merged)
    }

    @Test func theTextNamesWhatWasMeasured() throws {
        let result = try shell("\(sampling("5-104")) | ld3-fid --set-size 50 -q")
        #expect(result.status == 0, "\(result.errors)")
        for words in ["FD(mnist32-features)", "seeds 5-54", "seeds 55-104", "mean", "mnist, 10000 samples", "round"] {
            #expect(result.text.contains(words), "\(words) in \(result.text)")
        }
        #expect(!result.text.contains("FID"))
        #expect(result.errors.isEmpty)
    }

    /// Samples that are made from pairs carry the teacher's targets. The same solve again has no distance from them, a
    /// coarser one has some, and samples of bare noise carry no target.
    @Test func samplesFromPairsAreComparedWithTheirTeacher() throws {
        let pairs =
            "ld3-noise -n 6 --shape 1,32,32 | ld3-teacher -q --model gaussian:shape=1,32,32,mean=0,std=0.5 --nfe 8"
        func deviation(_ steps: Int) throws -> Double? {
            let sample = "ld3-sample -q --solver unipc --variant bh1 --schedule logsnr --nfe \(steps)"
            let document = try JSONValue(parsing: try shell("\(pairs) | \(sample) | ld3-fid -q --json").text)
            return document["sets"]?.elements?.first?["rmsd"]?.double
        }
        #expect(try deviation(8) == 0)
        #expect(try #require(try deviation(4)) > 1e-3)
        #expect(!(try shell("\(sampling("0-5")) | ld3-fid -q --json").text).contains("rmsd"))
    }

    @Test func fewSamplesAreWarnedOf() throws {
        let result = try shell("\(sampling("0-9")) | ld3-fid")
        #expect(result.status == 0)
        #expect(result.errors.contains("10 samples"))
    }

    /// Compares two samples of one distribution, and two of different ones.
    @Test func kernelDistancePrecisionAndRecallAgainstPictures() throws {
        let other = sampling("0-59", "-o other").replacingOccurrences(of: "std=0.5", with: "std=0.2")
        let make = "\(sampling("0-59", "-o real")) && \(other) && \(sampling("100-159")) > s"
        let same = try measures("\(make) && ld3-fid --json --kid --precision-recall --reference real s")
        let different = try measures("ld3-fid --json --kid --precision-recall --reference other s")
        #expect(abs(same.kid) < 0.01 * different.kid)
        #expect(same.precision > 0.5 && same.recall > 0.5)
        #expect(different.precision == 0 && different.recall == 0)
    }

    private func measures(_ script: String) throws -> (kid: Double, precision: Double, recall: Double) {
        let result = try shell(script)
        #expect(result.status == 0, "\(result.errors)")
        let set = try #require(try JSONValue(parsing: result.text)["sets"]?.elements?.first)
        return (
            try #require(set["kid"]?.double), try #require(set["precision"]?.double),
            try #require(set["recall"]?.double)
        )
    }

    @Test func badInputHasOneLineAndAStatus() throws {
        try folder.write(PNG.encode(Image(width: 32, height: 32, channels: 1, level: 9)), to: "1.png")
        let mixed = folder.file("mixed")
        try FileManager.default.createDirectory(atPath: mixed, withIntermediateDirectories: true)
        try folder.write(PNG.encode(Image(width: 32, height: 32, channels: 1, level: 9)), to: "mixed/000001.png")
        try folder.write(PNG.encode(Image(width: 28, height: 32, channels: 1, level: 9)), to: "mixed/000002.PNG")
        try FileManager.default.createDirectory(atPath: folder.file("none"), withIntermediateDirectories: true)
        try folder.write([1, 2, 3], to: "none/a.jpg")
        let wide = NamedTensor(name: "feature", type: .float32, shape: [0, 1 << 40], bytes: [])
        let seeds = NamedTensor(name: "seed", shape: [0], int64s: [])
        try folder.write(
            Frame(
                metadata: ["ld3.format": "1", "ld3.kind": "features", "ld3.count": "0"], tensors: [wide, seeds]
            ).image, to: "wide")
        let cases: [(script: String, status: Int32, words: [String])] = [
            ("ld3-fid mixed", 65, ["000001.png", "000002.PNG", "28x32"]),
            ("ld3-fid none", 65, ["no PNG file, but 1 other file (.jpg); pictures must be converted to PNG"]),
            ("ld3-fid nowhere", 66, ["nowhere"]),
            ("ld3-fid wide", 65, ["wide: features of shape [1099511627776] are no vectors of at most 8192 numbers"]),
            ("ld3-fid 1.png", 65, ["ld3-fid: 1.png: is a PNG picture", "sets are folders of PNG files"]),
            ("ld3-fid --reference minst mixed", 66, ["--reference minst: no such file", "did you mean mnist?"]),
            ("ld3-fid --features mnist --reference mnist mixed", 66, ["--features mnist: no such", "mean mnist32?"]),
            ("ld3-noise -n 3 --shape 1,32,32 | ld3-fid", 65, ["noise"]),
            ("ld3-fid --kid mixed", 64, ["--kid"]), ("ld3-fid --features 1.png mixed", 64, ["--reference"]),
            ("ld3-fid --features 1.png --reference mixed mixed", 65, ["1.png"]),
            ("ld3-fid --statistics a.txt mixed", 64, ["a.txt"]), ("ld3-fid --merge", 64, ["--merge"]),
            (
                "\(sampling("0-9")) | ld3-fid -q --statistics a.npz; ld3-fid --merge a.npz a.npz", 65,
                ["a.npz", "is given twice"]
            ),
            (
                "cp a.npz b.npz; ld3-fid --merge a.npz b.npz", 65,
                ["seeds 0-9 are in ", ".npz too; if the numbers of the samples are no seeds, give --no-seeds"]
            ),
            ("\(sampling("0-0")) | ld3-fid", 65, ["1 sample has no covariance"]),
            ("ld3-fid < /dev/null", 65, ["empty"]),
            ("printf 'x,y\\n1,a\\n' | ld3-fid --chart c.png", 65, ["standard input: line 2", "`a`"]),
            ("ld3-fid --chart c.png < /dev/null", 65, ["is empty"]),
            ("ld3-fid --chart nowhere/c.png < /dev/null", 73, ["nowhere/c.png"]),
            ("ld3-fid --chart c.png --kid < /dev/null", 64, ["--kid"]),
            ("ld3-fid --chart c.png t.csv", 64, ["standard input"]), ("ld3-fid --logarithmic", 64, ["--chart"]),
        ]
        for (script, status, words) in cases {
            let result = try shell(script)
            #expect(result.status == status, "\(script): \(result.errors)")
            #expect(result.output.isEmpty)
            #expect(result.errors.split(separator: "\n").count == 1, "\(script): \(result.errors)")
            for word in words { #expect(result.errors.contains(word), "\(script): \(result.errors)") }
        }
    }

    @Test func whatIsPassedOverIsTold() throws {
        let make = "\(sampling("0-3", "-o p")); cp p/000000.png p/._1.png; touch p/a.jpg p/b.jpg; ln -s . p/back"
        let result = try shell("\(make); ld3-fid p")
        #expect(result.status == 0 && result.text.contains("samples               4"), "\(result.errors)")
        let words = "ld3-fid: warning: p: passed over: 2 other files (.jpg), 1 hidden file or folder, 1 link back to"
        #expect(result.errors.contains(words), "\(result.errors)")
        #expect(try shell("ld3-fid -q p").errors.isEmpty)
    }

    @Test func samplesThatFillNoSetAreToldAndLeftOut() throws {
        let result = try shell("\(sampling("0-10")) > s; ld3-fid --set-size 5 s")
        #expect(result.status == 0 && result.text.contains("seeds 5-9") && !result.text.contains("seeds 10"))
        let words = "ld3-fid: warning: s: 1 sample left over behind the last whole set of 5, and left out"
        #expect(result.errors.contains(words), "\(result.errors)")
        let few = try shell("ld3-fid --set-size 50 s")
        #expect(few.status == 0 && few.text.contains("seeds 0-10"))
        #expect(few.errors.contains("s: 11 samples in all, less than a set of 50; taken as one set"))
        let sums = try shell("ld3-fid -q --statistics s.npz s; ld3-fid --set-size 5 --reference mnist s.npz")
        #expect(sums.status == 65 && sums.text.isEmpty)
        #expect(sums.errors == "ld3-fid: s.npz: holds sums over its samples, which no sets can be cut from\n")
    }

    @Test func aShardOfOneSampleIsSavedAndMerged() throws {
        let parts = "\(sampling("0-0")) | ld3-fid --statistics a.npz && \(sampling("1-4")) | ld3-fid --statistics b.npz"
        let merged = try distance("\(parts) && ld3-fid -q --json --merge --reference mnist a.npz b.npz")
        let whole = try distance("\(sampling("0-4")) > s; ld3-fid -q --json s")
        #expect(abs(merged - whole) <= 1e-9 * whole)
        let alone = try shell("ld3-fid --reference mnist a.npz")
        #expect(alone.status == 65 && alone.output.isEmpty)
        #expect(alone.errors == "ld3-fid: a.npz: 1 sample has no covariance; at least two are needed\n")
    }

    /// Two folders of another tool, each with its pictures numbered from 0.
    @Test func numbersThatAreNoSeedsCanBeSaidToBeNone() throws {
        let make = "\(sampling("0-3", "-o a")); cp -r a b"
        let parts = "for x in a b; do ld3-fid --statistics $x.npz $x; done"
        let merge = "ld3-fid --merge --statistics m.npz a.npz b.npz"
        let refused = try shell("\(make); \(parts); \(merge)")
        #expect(refused.status == 65 && refused.errors.contains("--no-seeds"), "\(refused.errors)")
        for script in [
            "\(merge) --no-seeds", "\(parts.replacingOccurrences(of: "$x;", with: "--no-seeds $x;")); \(merge)",
        ] {
            let result = try shell("\(script) && ld3-fid -q m.npz")
            #expect(result.status == 0 && result.text.contains("samples               8\n"), "\(result.errors)")
        }
    }

    @Test func samplesOfAnotherScaleAreTold() throws {
        let other = { (mean: String) in sampling("0-9").replacingOccurrences(of: "mean=0,std=0.5", with: mean) }
        let unit = try shell("\(other("mean=0.5,std=0.01")) | ld3-fid")
        #expect(
            unit.status == 0 && unit.errors.contains("samples span [-1, 1]; values x of [0, 1] are saved as 2 x - 1"))
        let wide = try shell("\(other("mean=0,std=4")) | ld3-fid")
        #expect(wide.status == 0 && wide.errors.contains("are far beyond, and are clipped"), "\(wide.errors)")
        #expect(!(try shell("\(sampling("0-9")) | ld3-fid").errors).contains("beyond,"))
    }

    @Test func digitsDoNotDependOnThreads() throws {
        let make = "\(sampling("0-99")) > s; ld3-fid s --statistics s.npz"
        func run(_ threads: Int) -> String {
            "OPENBLAS_NUM_THREADS=\(threads) ld3-fid --json --kid --precision-recall --threads \(threads) --reference s -q s"
                + "; OPENBLAS_NUM_THREADS=\(threads) ld3-fid --json --threads \(threads) s.npz"
        }
        let one = try shell("\(make); \(run(1))")
        #expect(one.status == 0, "\(one.errors)")
        #expect(try shell(run(3)).text == one.text)
    }

    /// Standard input stays open and silent: a program that reads it first would wait for it.
    @Test func optionsAreCheckedBeforeSamplesAreRead() throws {
        let cases: [(arguments: String, status: Int32, words: String)] = [
            ("--kid", 64, "--kid"), ("--neighbours 0", 64, "--neighbours"), ("--neighbours many", 64, "--neighbours"),
            ("--set-size 1", 64, "--set-size"), ("--input tv", 64, "--input"), ("--quantize up", 64, "--quantize"),
            ("--threads none", 64, "--threads"), ("--statistics a.txt", 64, "a.txt"),
            ("--reference nowhere.npz", 66, "nowhere.npz"),
            ("--features nowhere.pth --reference nowhere.npz", 66, "--features nowhere.pth"),
            ("- nowhere", 66, "nowhere"),
        ]
        for (arguments, status, words) in cases {
            let script =
                "cd '\(folder.path)'; mkfifo p; sleep 60 > p & ld3-fid \(arguments) < p; s=$?; kill $!; rm p; exit $s"
            let result = try Programs.shell(script, seconds: 30)
            #expect(result.status == status, "\(arguments): \(result.errors)")
            #expect(result.errors.contains(words), "\(arguments): \(result.errors)")
        }
    }

    @Test func kernelDistanceNeedsVectorsOfTheReference() throws {
        let make = "\(sampling("0-9")) | ld3-fid -q --statistics a.npz"
        let result = try shell(
            "\(make); mkfifo p; sleep 60 > p & ld3-fid --kid --reference a.npz < p; s=$?; kill $!; exit $s")
        #expect(result.status == 65)
        #expect(result.errors.contains("a.npz: statistics hold no feature vectors"), "\(result.errors)")
    }

    @Test func tablesAreDrawn() throws {
        let result = try shell("printf 'NFE,edm,*LD3\\n4,2,0.5\\n5,,0.25\\n' | ld3-fid --chart c.png --logarithmic")
        #expect(result.status == 0 && result.output.isEmpty && result.errors.isEmpty, "\(result.errors)")
        let picture = try PNG.decode(Array(Data(contentsOf: URL(fileURLWithPath: folder.file("c.png")))))
        #expect(picture.channels == 3 && picture.width > 100 && picture.height > 100)
        #expect(Set(picture.pixels).count > 10)
    }

    @Test func nothingIsLeftOfStatisticsThatFail() throws {
        let result = try shell("\(sampling("0-9")) | head -c 3000 | ld3-fid --statistics a.npz")
        #expect(result.status == 65)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
}
