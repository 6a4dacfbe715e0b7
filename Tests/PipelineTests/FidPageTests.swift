import Foundation
import TestSupport
import Testing

/// The page that ld3-fid makes for people.
@Suite struct FidPageTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func page(_ script: String) throws -> String {
        let result = try Programs.shell("cd '\(folder.path)'; \(script)")
        #expect(result.status == 0, "\(result.errors)")
        return try String(contentsOfFile: folder.file("page.html"), encoding: .utf8)
    }

    private func count(_ text: String, in page: String) -> Int { page.components(separatedBy: text).count - 1 }

    @Test func aPageShowsDistancesPlotsAndPictures() throws {
        let samples =
            "ld3-noise --seeds 0-399 --shape 1,32,32 | ld3-sample -q --model gaussian:shape=1,32,32,mean=0,std=0.5"
            + " --schedule logsnr --solver ddim --nfe 2"
        let page = try page("\(samples) > s; ld3-fid -q --set-size 200 --report page.html --reference mnist s > text")
        #expect(page.contains("<pre>ld3-fid --quiet --set-size=200 --report=page.html --reference=mnist s</pre>"))
        let text = try String(contentsOfFile: folder.file("text"), encoding: .utf8)
        let first = try #require(text.split(separator: "\n").first?.split(separator: " ").dropFirst().first)
        #expect(page.contains("<tr><td>s, set 1</td><td>\(first)</td>"))
        #expect(page.contains("<td>mean</td>") && page.contains(" ± "))
        #expect(
            page.contains("seeds 200-399") && page.contains("<dt>samples made by</dt>\n<dd>ld3-noise --seeds=0-399"))
        #expect(page.contains("<dd>features of 400 pictures, 2 distances</dd>"))
        #expect(count("src=\"data:image/png;base64,iVBOR", in: page) == 4)
        #expect(!page.contains("://"))
        // Without a page the samples have the same distance.
        let plain = try Programs.shell("cd '\(folder.path)'; ld3-fid -q --set-size 200 --reference mnist s").text
        #expect(plain == text)
    }

    /// All sets are counted, and the first six are drawn.
    @Test func aPageOfManySets() throws {
        let samples =
            "ld3-noise --seeds 0-79 --shape 1,32,32 | ld3-sample -q --model gaussian:shape=1,32,32,mean=0,std=0.5"
            + " --schedule logsnr --solver ddim --nfe 2"
        let page = try page("\(samples) > s; ld3-fid -q --set-size 10 --report page.html --reference mnist s > text")
        #expect(page.contains("<dd>features of 80 pictures, 8 distances</dd>"))
        #expect(page.contains("s, set 6</figcaption>") && !page.contains("s, set 7</figcaption>"))
    }

    @Test func aPageOfCloudsShowsTheNearestReferences() throws {
        let clouds = "ld3-noise --seeds $1 --shape 64,3 | ld3-sample -q --model gaussian:shape=64,3,std=0.5"
        let make = "make() { \(clouds) --schedule logsnr --solver ddim --nfe 2; }; make 0-9 > r; make 10-19 > s"
        let page = try page("\(make); ld3-fid -q --reference r --report page.html s > text")
        #expect(page.contains("<th>MMD-CD x 1000</th>") && page.contains("<th>1-NNA-CD</th>"))
        #expect(page.contains("<dd>190 Chamfer distances</dd>"))
        #expect(count("src=\"data:image/png;base64,iVBOR", in: page) == 2)
    }

    @Test func statisticsAndPageAreTwoFiles() throws {
        let result = try Programs.run("ld3-fid", ["--statistics=./a.npz", "--report=a.npz"])
        #expect(
            result.status == 64 && result.errors.contains("--statistics: names the file of --report"),
            "\(result.errors)")
    }

    @Test func aPageNeedsAComparison() throws {
        let result = try Programs.run("ld3-fid", ["--statistics=a.npz", "--report=page.html"])
        #expect(result.status == 64 && result.errors.contains("--report"), "\(result.errors)")
    }
}
