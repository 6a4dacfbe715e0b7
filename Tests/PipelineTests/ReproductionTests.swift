import Foundation
import Images
import TestSupport
import Testing

/// Rehearses scripts/reproduce-pixel on the embedded model, kills it and starts it again, and leaves out its files. Runs
/// scripts/reproduce-latent on tiny models, and one report on the embedded model in a small form.
struct ReproductionTests {
    private let script = Fixtures.root + "/scripts/reproduce-pixel"
    private let small = [
        "SAMPLES": "24", "BLOCK": "10", "PAIRS": "4", "SOLVERS": "ipndm", "BUDGETS": "4", "SCHEDULES": "ld3 logsnr",
        "FIT": "--rounds 1,0",
    ]

    @Test func aKilledRunGoesOnWhereItWas() throws {
        let folder = try TemporaryFolder()
        func run(_ results: String, limit: String = "") throws -> Programs.Result {
            try Programs.shell(
                "\(limit) '\(script)' mnist32",
                environment: small.merging(["RESULTS": folder.file(results)]) { $1 })
        }
        let whole = try run("whole")
        #expect(whole.status == 0, "\(whole.errors)")
        #expect(whole.errors.contains("s an evaluation; teacher"))
        #expect(whole.text.split(separator: "\n").count == 3 && !whole.text.contains("nan"), "\(whole.text)")

        // Each run is given a second more than the one before it; the last, all that it needs.
        var runs = 0
        var broken = whole
        repeat {
            runs += 1
            broken = try run("broken", limit: runs < 9 ? "timeout -s KILL \(runs)" : "")
        } while broken.status == 137
        #expect(broken.status == 0 && runs > 1, "\(runs) runs; \(broken.errors)")
        #expect(broken.text == whole.text)
        func unneeded() throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: folder.file("broken")).filter {
                $0.contains(".part.") || $0.contains(".sum-") || $0.contains(".block-")
            }
        }
        #expect(try unneeded() == [])

        // A run that was killed just before it removed these files has left them.
        for name in ["ipndm-ld3-4.block-2.npz", "ipndm-ld3-4.sum-3.npz", "ipndm-logsnr-4.json.part.1"] {
            try Data([0]).write(to: URL(fileURLWithPath: folder.file("broken/" + name)))
        }
        #expect(try unneeded().count == 3)
        #expect(try run("broken").text == whole.text)
        #expect(try unneeded() == [])

        let other = try Programs.shell(
            "'\(script)' mnist32",
            environment: small.merging(["RESULTS": folder.file("broken"), "PAIRS": "8"]) { $1 })
        #expect(other.status == 65 && other.errors.contains("other settings: pairs="), "\(other.errors)")
        #expect(other.errors.contains(" instead of pairs=8;"), "\(other.errors)")
    }

    /// The files that each table needs, in the order in which they are asked for, and a word that tells each.
    private static let needed: [(command: String, files: [(String, String)])] = [
        ("reproduce-pixel cifar10", files("edm-cifar10-32x32-uncond-vp.pkl", nil, "cifar10-32x32.npz")),
        ("reproduce-latent lsun-latent", files("lsun_bedrooms.zip", nil, "VIRTUAL_lsun_bedroom256.npz")),
        ("reproduce-latent sd", files("v1-5-pruned-emaonly", "captions_val2014.json", "ms_coco-512x512.npz")),
        ("reproduce-latent imagenet256", files("cin256-v2", nil, "VIRTUAL_imagenet256_labeled.npz")),
        ("reproduce-latent instaflow", files("2-Rectified Flow", "captions_val2014.json", "ms_coco-512x512.npz")),
    ]

    private static func files(_ checkpoint: String, _ captions: String?, _ reference: String) -> [(String, String)] {
        var files = [("CHECKPOINT", checkpoint), ("INCEPTION", "pt_inception-2015-12-05-6726825d.pth")]
        files += [("LPIPS", "vgg16-397923af.pth"), ("LPIPS_LINEAR", "vgg.pth")]
        if let captions { files.append(("CAPTIONS", captions)) }
        return files + [("REFERENCE", reference)]
    }

    @Test(arguments: needed)
    func theFirstMissingFileIsNamed(command: String, files: [(String, String)]) throws {
        let folder = try TemporaryFolder()
        var given: [String: String] = ["RESULTS": folder.file("results")]
        for (variable, told) in files {
            let result = try Programs.shell("'\(Fixtures.root)/scripts/'\(command)", environment: given)
            #expect(result.status == 66)
            #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
            for word in [variable, told, "https://"] { #expect(result.errors.contains(word), "\(result.errors)") }
            given[variable] = try folder.write([0], to: variable)
        }
        #expect(!FileManager.default.fileExists(atPath: folder.file("results")))
    }

    @Test(arguments: [
        ("reproduce-latent rehearsal", "BUDGETS", "x"), ("reproduce-latent rehearsal", "SAMPLES", "0"),
        ("reproduce-latent rehearsal", "BUDGETS", "4 0"), ("reproduce-pixel cifar10", "PAIRS", "1"),
        ("reproduce-pixel mnist32", "BLOCK", "08"), ("reproduce-digits64", "FRESH", "-1"),
        ("reproduce-solvers", "FRESH", "many"), ("reproduce-pointcloud rehearsal", "SETS", "0"),
    ])
    func aSizeThatIsNoNumber(command: String, variable: String, value: String) throws {
        let folder = try TemporaryFolder()
        let result = try Programs.shell(
            "'\(Fixtures.root)/scripts/'\(command)", environment: [variable: value, "RESULTS": folder.file("results")])
        #expect(result.status == 64 && result.errors.contains("\(variable)=\(value) is no"), "\(result.errors)")
        #expect(result.errors.split(separator: "\n").count == 1 && result.output.isEmpty, "\(result.errors)")
        #expect(!FileManager.default.fileExists(atPath: folder.file("results")))
    }

    // MARK: - Latent diffusion

    /// Runs scripts/reproduce-latent in its smallest form, with the features and the reference of digits64.
    private func latent(_ name: String, _ variables: [String: String]) throws -> Programs.Result {
        let small = [
            "SAMPLES": "4", "BLOCK": "3", "PAIRS": "2", "LOSS": "l2", "INCEPTION": "digits64", "REFERENCE": "digits64",
            "FIT": "--rounds 1,0 --polish 0 --heuristics uniform",
        ]
        return try Programs.shell(
            "'\(Fixtures.root)/scripts/reproduce-latent' \(name)", environment: small.merging(variables) { $1 })
    }

    private func expectTable(_ result: Programs.Result, rows: Int, _ words: String..., results: String) throws {
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.errors.contains("s an evaluation; teacher"))
        #expect(result.text.split(separator: "\n").count == rows + 1 && !result.text.contains("nan"), "\(result.text)")
        for word in words { #expect(result.text.contains(word), "\(result.text)") }
        let left = try FileManager.default.contentsOfDirectory(atPath: results)
        #expect(!left.contains { $0.contains(".part.") || $0.contains(".sum-") || $0.contains("probe") }, "\(left)")
    }

    /// Each budget of Stable Diffusion has its own teacher. A finished table is printed again at once.
    @Test func theWayOfStableDiffusion() throws {
        let folder = try TemporaryFolder()
        let variables = ["RESULTS": folder.path, "BUDGETS": "4 5", "SCHEDULES": "ld3 gits dmn:sd"]
        let first = try latent("rehearsal", variables)
        try expectTable(first, rows: 3, "ipndm-2        ld3", "gits", "dmn:sd", results: folder.path)
        for pairs in ["pairs-5.ld3", "pairs-6.ld3"] {
            #expect(FileManager.default.fileExists(atPath: folder.file(pairs)))
        }
        let again = try latent("rehearsal", variables)
        #expect(again.status == 0 && again.text == first.text && !again.errors.contains("samples 0 of"))
    }

    /// A table of classes, a U-Net alone and a flow, with all layers of the released models.
    @Test(
        .enabled(if: Fixtures.shared("latent/INDEX.json") != nil),
        arguments: [
            ("lsun-latent", "lsun", "--shape 3,16,16", "4", "ipndm-3"),
            ("imagenet256", "imagenet", "--shape 3,16,16 --classes 10", "4", "unipc-3"),
            ("instaflow", "instaflow", "--shape 4,8,8", "2 4 6", "euler"),
        ])
    func tinyModels(name: String, model: String, noise: String, budgets: String, solver: String) throws {
        let folder = try TemporaryFolder()
        let root = try #require(Fixtures.shared("latent/\(model)"))
        let isFolder = FileManager.default.fileExists(atPath: "\(root)/diffusers")
        let result = try latent(
            name,
            [
                "RESULTS": folder.file("results"), "NOISE": noise, "BUDGETS": budgets, "SOLVERS": solver,
                "CHECKPOINT": isFolder ? "\(root)/diffusers" : "\(root)/model.ckpt",
                "MODEL": isFolder ? "" : "--architecture \(root)/architecture.json",
                "CAPTIONS": try folder.write("a cat\na dog\n".utf8, to: "captions.txt"),
            ])
        // The flow has the paper's budgets, so its figures stand beneath.
        let isPublished = budgets == "2 4 6"
        try expectTable(
            result, rows: isPublished ? 4 : 2, "uniform", isPublished ? "15.49" : solver,
            results: folder.file("results"))
    }

    /// The smallest form of the tables on digits64: both losses, the teacher's distance and that of each solver.
    @Test func theTablesOnDigits64() throws {
        let folder = try TemporaryFolder()
        let result = try Programs.shell(
            "'\(Fixtures.root)/scripts/reproduce-digits64'",
            environment: [
                "RESULTS": folder.path, "PAIRS": "2", "FRESH": "2", "SETS": "2", "SIZE": "2", "BUDGETS": "2",
                "SOLVERS": "ddim ipndm-2", "FIT": "--rounds 1,0 --polish 0 --heuristics uniform",
            ])
        #expect(result.status == 0 && !result.text.contains("nan"), "\(result.errors)\(result.text)")
        for words in ["**DDIM**", "| LD3 |", "| LD3 l2 |", "The teacher itself", "| iPNDM-2 | LD3 | best heuristic |"] {
            #expect(result.text.contains(words), "\(words): \(result.text)")
        }
        let table = try String(contentsOfFile: folder.file("digits64.csv"), encoding: .utf8)
        #expect(table.split(separator: "\n").count == 1 + 2 * 7)
        for grid in ["uniform", "ld3", "teacher"] {
            #expect(FileManager.default.fileExists(atPath: folder.file("digits64-\(grid).png")))
        }
    }

    @Test func anotherModelIsRefused() throws {
        let folder = try TemporaryFolder()
        for (checkpoint, words) in [
            ("digits64", "has the process vp-discrete:sd, and lsun-latent needs vp-discrete:ldm"),
            (try folder.write("no model".utf8, to: "wrong.ckpt"), "wrong.ckpt"),
        ] {
            let result = try latent("lsun-latent", ["CHECKPOINT": checkpoint, "RESULTS": folder.file("results")])
            #expect(result.status == 65 && result.errors.contains(words), "\(result.errors)")
            #expect(result.errors.split(separator: "\n").count == 1 && result.text.isEmpty, "\(result.errors)")
        }
        #expect(!FileManager.default.fileExists(atPath: folder.file("results")))
    }

    @Test func aReportIsATableDataAndAPlot() throws {
        let folder = try TemporaryFolder()
        func run(pairs: Int) throws -> Programs.Result {
            try Programs.shell(
                "'\(Fixtures.root)/scripts/reproduce-relaxation'",
                environment: ["RESULTS": folder.path, "PAIRS": "\(pairs)", "FRESH": "2"])
        }
        let first = try run(pairs: 4)
        #expect(first.status == 0, "\(first.errors)")
        #expect(first.text.contains("| r | pass 1 |") && first.text.contains("| 0.5 | 0."), "\(first.text)")
        let table = try String(contentsOfFile: folder.file("relaxation.csv"), encoding: .utf8)
        #expect(table.split(separator: "\n").count == 1 + 5 * 7)
        let plot = try Data(contentsOf: URL(fileURLWithPath: folder.file("relaxation.png")))
        #expect(try PNG.decode(Array(plot)).channels == 3)
        // Finished pieces are kept, and are not mixed with other settings.
        let again = try run(pairs: 4)
        #expect(again.status == 0 && again.text == first.text)
        #expect(try run(pairs: 6).status == 65)
    }
}
