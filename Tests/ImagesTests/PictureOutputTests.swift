import Diagnostics
import Foundation
import Images
import Tensors
import TestSupport
import Testing

@Suite struct PictureOutputTests {
    @Test func filesAreNamedBySeed() {
        #expect(PictureOutput.fileName(7) == "000007.png")
        #expect(PictureOutput.fileName(-7) == "-00007.png")
        #expect(PictureOutput.fileName(.max) == "9223372036854775807.png")
    }

    @Test func everyPictureAndTheGridAreWritten() throws {
        let folder = try TemporaryFolder()
        let output = try PictureOutput(
            folder: folder.file("out"), gridFile: folder.file("grid.png"), quantization: .round, force: false)
        try output.add(Tensor<Float>(shape: [2, 1, 4, 4]), seeds: [3, 5])
        #expect(try output.finish() == nil)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.file("out")).sorted()
                == ["000003.png", "000005.png"])
        #expect(FileManager.default.fileExists(atPath: folder.file("grid.png")))
    }

    @Test func aGridIsNoPicture() throws {
        let folder = try TemporaryFolder()
        func open(_ grid: String) throws {
            _ = try PictureOutput(folder: folder.path, gridFile: folder.file(grid), quantization: .round, force: true)
        }
        for grid in ["000003.png", "./-00003.png"] {
            let failure = try #require(throws: Failure.self) { try open(grid) }
            #expect(failure.status == .usage && failure.place == folder.file(grid))
            #expect(failure.message.contains("picture of seed \(grid.contains("-") ? -3 : 3)"), "\(failure)")
        }
        for grid in ["3.png", "000003.jpg", "grid.png"] { try open(grid) }
    }

    @Test func aSeedThatComesTwiceIsRefused() throws {
        let folder = try TemporaryFolder()
        let output = try PictureOutput(folder: folder.path, gridFile: nil, quantization: .round, force: true)
        #expect { try output.add(Tensor<Float>(shape: [2, 1, 4, 4]), seeds: [3, 3]) } throws: {
            ($0 as? Failure)?.status == .data
        }
    }

    @Test func noPicturesMakeNoGridAndAWarning() throws {
        let folder = try TemporaryFolder()
        let output = try PictureOutput(
            folder: nil, gridFile: folder.file("g.png"), quantization: .round, force: false)
        #expect(try output.finish()?.hasSuffix("g.png: not written, there are no samples") == true)
        #expect(!FileManager.default.fileExists(atPath: folder.file("g.png")))
    }
}
