import Foundation
import Images
import TestSupport
import Testing

/// Rehearses scripts/reproduce-pixel on the embedded model, kills it and starts it again, and leaves out its files.
/// Runs one report on the embedded model in a small form.
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
        let left = try FileManager.default.contentsOfDirectory(atPath: folder.file("broken"))
        #expect(!left.contains { $0.contains(".part.") || $0.contains(".sum-") || $0.contains(".block-") }, "\(left)")

        let other = try Programs.shell(
            "'\(script)' mnist32",
            environment: small.merging(["RESULTS": folder.file("broken"), "PAIRS": "8"]) { $1 })
        #expect(other.status == 65 && other.errors.contains("other settings"), "\(other.errors)")
    }

    @Test func theFirstMissingFileIsNamed() throws {
        let folder = try TemporaryFolder()
        var given: [String: String] = ["RESULTS": folder.file("results")]
        for (variable, told) in [
            ("CHECKPOINT", "edm-cifar10-32x32-uncond-vp.pkl"), ("INCEPTION", "pt_inception-2015-12-05-6726825d.pth"),
            ("LPIPS", "vgg16-397923af.pth"), ("LPIPS_LINEAR", "vgg.pth"), ("REFERENCE", "cifar10-32x32.npz"),
        ] {
            let result = try Programs.shell("'\(script)' cifar10", environment: given)
            #expect(result.status == 66)
            #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
            for word in [variable, told, "https://"] { #expect(result.errors.contains(word), "\(result.errors)") }
            given[variable] = try folder.write([0], to: variable)
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
