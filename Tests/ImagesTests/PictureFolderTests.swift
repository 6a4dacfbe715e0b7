import Diagnostics
import Foundation
import Images
import TestSupport
import Testing

@Suite struct PictureFolderTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func write(_ name: String, level: UInt8 = 0) throws {
        let parent = (folder.file(name) as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        try folder.write(PNG.encode(Image(width: 2, height: 1, channels: 1, level: level)), to: name)
    }

    @Test func findsPicturesBelowWhateverTheirCase() throws {
        try write("b/000002.png", level: 2)
        try write("a/000010.PNG", level: 10)
        try write("000001.Png", level: 1)
        try folder.write([1, 2], to: "notes.txt")
        let pictures = try PictureFolder(folder.path)
        #expect(pictures.names == ["000001.Png", "a/000010.PNG", "b/000002.png"])
        #expect(pictures.seeds == [1, 10, 2])
        #expect(try pictures.picture(1).pixels == [10, 10])
    }

    @Test func namesThatAreNoNumbersAreNoSeeds() throws {
        try write("1.png")
        try write("cat.png")
        #expect(try PictureFolder(folder.path).seeds == nil)
        try FileManager.default.removeItem(atPath: folder.file("cat.png"))
        try write("x/1.png")
        #expect(try PictureFolder(folder.path).seeds == nil)
    }

    @Test func emptyAndMissingFoldersSayWhatTheyHold() throws {
        #expect(#expect(throws: Failure.self) { try PictureFolder(folder.path) }?.status == .data)
        try folder.write([1], to: "a.jpg")
        #expect(#expect(throws: Failure.self) { try PictureFolder(folder.path) }?.message.contains(".jpg") == true)
        let missing = #expect(throws: Failure.self) { try PictureFolder(folder.file("missing")) }
        #expect(missing?.status == .noInput)
    }

    @Test func aDamagedPictureIsNamed() throws {
        try folder.write([0x89, 0x50], to: "000003.png")
        let failure = #expect(throws: Failure.self) { try PictureFolder(folder.path).picture(0) }
        #expect(failure?.place?.hasSuffix("000003.png") == true)
    }
}
