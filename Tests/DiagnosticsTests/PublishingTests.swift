import Diagnostics
import Foundation
import TestSupport
import Testing

@Suite struct PublishingTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()) ?? [] }

    @Test func filesAppearWhole() throws {
        let path = folder.file("a")
        try Publishing.publish(path, text: "one")
        try Publishing.publish(path) { descriptor in
            try Descriptor.write(descriptor, "tw")
            #expect(try Descriptor.contents(of: path) == Array("one".utf8))
            try Descriptor.write(descriptor, "o")
        }
        #expect(try Descriptor.contents(of: path) == Array("two".utf8))
        #expect(names == ["a"])
    }

    @Test func failureLeavesWhatWasThere() throws {
        let path = folder.file("a")
        try Publishing.publish(path, text: "one")
        #expect(throws: Failure.self) {
            try Publishing.publish(path) { descriptor in
                try Descriptor.write(descriptor, "half")
                throw Failure(.data, "broken")
            }
        }
        #expect(try Descriptor.contents(of: path) == Array("one".utf8))
        #expect(names == ["a"])
    }

    @Test func linksStayLinks() throws {
        try Publishing.publish(folder.file("target"), text: "one")
        try FileManager.default.createSymbolicLink(atPath: folder.file("link"), withDestinationPath: "target")
        try Publishing.publish(folder.file("link"), text: "two")
        #expect(try Descriptor.contents(of: folder.file("target")) == Array("two".utf8))
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: folder.file("link")) == "target")
    }

    @Test func oneFileHasManySpellings() throws {
        try FileManager.default.createDirectory(atPath: folder.file("b"), withIntermediateDirectories: false)
        try FileManager.default.createSymbolicLink(atPath: folder.file("link"), withDestinationPath: "b")
        try Publishing.publish(folder.file("b/old"), text: "")
        try FileManager.default.createSymbolicLink(atPath: folder.file("other"), withDestinationPath: "b/old")
        for (path, other) in [("a", "./a"), ("a", "b/../a"), ("b/a", "link//a"), ("b/old", "other")] {
            #expect(Publishing.isOneFile(folder.file(path), folder.file(other)), "\(path) and \(other)")
        }
        #expect(Publishing.isOneFile("a", "./a"))
        #expect(!Publishing.isOneFile(folder.file("a"), folder.file("b/a")))
    }

    @Test func impossiblePlacesAreNamed() throws {
        let path = folder.file("no/a")
        #expect { try Publishing.publish(path, text: "") } throws: {
            ($0 as? Failure) == Failure(.cannotCreate, place: path, "cannot create: no such file or directory")
        }
        #expect { try Publishing.publish(folder.path, text: "") } throws: {
            ($0 as? Failure)?.message == "is a directory"
        }
        #expect { try Publishing.publish("/dev/full", text: "x") } throws: { ($0 as? Failure)?.status == .inputOutput }
    }

    /// The body runs in a process of its own, which finds the folder by its parent's number.
    @Test func anInterruptionLeavesNoFile() async throws {
        let path = "\(FileManager.default.temporaryDirectory.path)/ld3-interrupted-\(getpid())"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        await #expect(processExitsWith: .exitCode(130)) {
            let path = "\(FileManager.default.temporaryDirectory.path)/ld3-interrupted-\(getppid())"
            Signals.install()
            try Publishing.publish("\(path)/a") { descriptor in
                try Descriptor.write(descriptor, "half")
                guard try FileManager.default.contentsOfDirectory(atPath: path).count == 1 else { exit(1) }
                kill(getpid(), SIGINT)
                sleep(60)
            }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: path).isEmpty)
    }

    @Test func contentsAreLimited() throws {
        let path = folder.file("a")
        try Publishing.publish(path, bytes: [UInt8](repeating: 1, count: 100))
        #expect(try Descriptor.contents(of: path, limit: 100).count == 100)
        #expect { try Descriptor.contents(of: path, limit: 99) } throws: { ($0 as? Failure)?.status == .data }
        #expect { try Descriptor.contents(of: folder.file("b")) } throws: { ($0 as? Failure)?.status == .noInput }
    }
}
