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

    @Test func linkedFoldersAreEnteredAndCirclesLeft() throws {
        try write("real/a/1.png", level: 1)
        try write("set/2.png", level: 2)
        let files = FileManager.default
        try files.createSymbolicLink(atPath: folder.file("set/linked"), withDestinationPath: folder.file("real"))
        try files.createSymbolicLink(atPath: folder.file("set/3.png"), withDestinationPath: folder.file("real/a/1.png"))
        try files.createSymbolicLink(atPath: folder.file("real/a/back"), withDestinationPath: folder.file("set"))
        try files.createSymbolicLink(atPath: folder.file("set/self"), withDestinationPath: ".")
        let pictures = try PictureFolder(folder.file("set"))
        #expect(pictures.names == ["2.png", "3.png", "linked/a/1.png"])
        #expect(pictures.rest == "2 links back to a folder above")
        #expect(try pictures.picture(2).pixels == [1, 1])
        try files.createSymbolicLink(atPath: folder.file("alias"), withDestinationPath: folder.file("set"))
        #expect(try PictureFolder(folder.file("alias")).names == pictures.names)
    }

    @Test func theRestIsCounted() throws {
        try write("1.png")
        #expect(try PictureFolder(folder.path).rest == nil)
        try write("._1.png")
        #expect(try PictureFolder(folder.path).rest == "1 hidden file or folder")
        for name in [".DS_Store", "2.JPG", "3.jpg", "4.webp", "LABELS"] { try folder.write([1], to: name) }
        try write("__MACOSX/._1.png")
        try write(".thumbnails/1.png")
        let pictures = try PictureFolder(folder.path)
        #expect(pictures.names == ["1.png"])
        #expect(pictures.rest == "4 other files (.jpg, .webp), 4 hidden files or folders")
    }

    @Test func anyNameIsAName() throws {
        let names = [" 1 .png", "a\nb.png", "c d/é.png", "x.png/1.png"]
        for name in names { try write(name) }
        let pictures = try PictureFolder(folder.path)
        #expect(pictures.names == names)
        for index in names.indices { #expect(try pictures.picture(index).width == 2) }
    }

    @Test func whatIsNoRegularFileIsRefusedAndNotWaitedFor() throws {
        #expect(mkfifo(folder.file("1.png"), 0o600) == 0)
        #expect(throws: Failure.self) { try PictureFolder(folder.path).picture(0) }
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
        let pictures = #expect(throws: Failure.self) { try PictureFolder(folder.path) }
        #expect(pictures?.message == "holds no PNG file, but 1 other file (.jpg)")
        #expect(pictures?.suggestion == "pictures must be converted to PNG")
        try folder.write([1], to: "b.tar")
        let archive = #expect(throws: Failure.self) { try PictureFolder(folder.path) }
        #expect(archive?.suggestion == "unpack the archives first")
        let missing = #expect(throws: Failure.self) { try PictureFolder(folder.file("missing")) }
        #expect(missing?.status == .noInput)
    }

    @Test func aDamagedPictureIsNamed() throws {
        try folder.write([0x89, 0x50], to: "000003.png")
        let failure = #expect(throws: Failure.self) { try PictureFolder(folder.path).picture(0) }
        #expect(failure?.place?.hasSuffix("000003.png") == true)
    }
}
