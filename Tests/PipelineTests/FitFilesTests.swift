import Foundation
import TestSupport
import Testing

/// The files that ld3-fit makes for people.
@Suite struct FitFilesTests {
    private let pairs: [UInt8]
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        pairs = try Programs.shell(
            "ld3-noise --seeds 0-7 --shape 8 | ld3-teacher -q --model gaussian:shape=8,std=0.5 --nfe 20"
        ).output
    }

    private func fit(_ arguments: String...) throws -> Programs.Result {
        try Programs.run("ld3-fit", arguments, input: pairs)
    }

    @Test func theReportIsOnePage() throws {
        let file = folder.file("<i>it's.html")
        let result = try fit("--nfe=3,4", "--rounds=1,0", "--report", file)
        #expect(result.status == 0, "\(result.errors)")
        let page = try String(contentsOfFile: file, encoding: .utf8)
        #expect(page.contains("<pre>ld3-fit --nfe=3,4 --rounds=1,0 --report=&#39;"))
        #expect(!page.contains("<i>") && page.contains("/&lt;i&gt;it&#39;\\&#39;&#39;s.html&#39;</pre>"))
        #expect(page.components(separatedBy: "<tr>").count - 1 == 5 + 6)
        #expect(page.components(separatedBy: "src=\"data:image/png;base64,iVBOR").count - 1 == 4)
        #expect(!page.contains("://") && page.contains("<li>hard validation loss"))
        #expect(page.contains("<dt>model</dt>\n<dd>gaussian:shape=8,std=0.5</dd>"))
        #expect(page.contains("<dt>training pairs</dt>\n<dd>4, seeds 0 to 3</dd>"))
        #expect(page.contains("<dt>validation pairs</dt>\n<dd>4, seeds 4 to 7</dd>"))
        #expect(page.contains("<dd>ld3-noise --seeds=0-7 --shape=8 | ld3-teacher "))
        let other = try Programs.run("ld3-fit", ["--schedule=x", "--export=comfy", "--report=y"])
        #expect(other.status == 64, "\(other.errors)")
    }

    @Test func plotAndReportAreTwoFiles() throws {
        let result = try fit("--plot", folder.file("a"), "--report", folder.file("./a"))
        #expect(result.status == 64 && result.errors.contains("--plot: names the file of --report"), "\(result.errors)")
    }

    @Test func aReportTellsOfLearnedCoefficients() throws {
        let file = folder.file("page.html")
        let result = try fit(
            "--nfe=3", "--learn=times,model-times,coefficients", "--iterations=1", "--report", file)
        #expect(result.status == 0, "\(result.errors)")
        let page = try String(contentsOfFile: file, encoding: .utf8)
        #expect(page.contains("<th>half log-SNR</th>") && page.components(separatedBy: "<tr>").count - 1 == 5)
        #expect(page.contains("<li>the coefficients are learned too; the table has the times alone</li>"))
    }

    @Test func samplesBeforeAndAfterAreShown() throws {
        let file = folder.file("page.html")
        let run = "--report '\(file)' --report-samples 3"
        let model = "gaussian:shape=1,8,8,std=0.5"
        let result = try Programs.shell(
            "ld3-noise --seeds 0-7 --shape 1,8,8 | ld3-teacher -q --model \(model) --nfe 20"
                + " | ld3-fit -q --method heuristic --nfe 3 \(run)")
        #expect(result.status == 0, "\(result.errors)")
        let page = try String(contentsOfFile: file, encoding: .utf8)
        #expect(page.components(separatedBy: "<figcaption>").count - 1 == 4)
        #expect(page.contains("Samples of 3 validation pairs") && page.contains("<figcaption>the teacher<"))
        let withoutPage = try fit("--report-samples=3")
        #expect(withoutPage.status == 64 && withoutPage.errors.contains("--report-samples"), "\(withoutPage.errors)")
        let vectors = try fit("--report-samples=3", "--report", file)
        #expect(
            vectors.status == 65 && vectors.errors.contains("--report-samples: samples of shape [8]"),
            "\(vectors.errors)")
    }

    @Test func thePlotIsAPicture() throws {
        let result = try fit("--nfe=4", "--rounds=1,0", "--plot", folder.file("plot.png"))
        #expect(result.status == 0, "\(result.errors)")
        let bytes = try #require(FileManager.default.contents(atPath: folder.file("plot.png")))
        #expect(bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]))
    }
}
