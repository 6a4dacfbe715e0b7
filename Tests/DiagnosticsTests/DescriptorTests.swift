import Diagnostics
import Foundation
import TestSupport
import Testing

@Suite struct DescriptorTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func refusal(_ path: String) -> Failure? {
        do {
            _ = try Descriptor.contents(of: path)
            return nil
        } catch {
            return error as? Failure
        }
    }

    /// Opening a pipe that nobody writes to would wait for ever.
    @Test(.timeLimit(.minutes(1))) func onlyRegularFilesAreOpened() throws {
        let pipe = folder.file("pipe")
        #expect(mkfifo(pipe, 0o600) == 0)
        #expect(
            refusal(pipe)
                == Failure(.noInput, place: pipe, "is a pipe, not a file", suggestion: "save what it carries as a file")
        )
        #expect(refusal("/dev/zero") == Failure(.noInput, place: "/dev/zero", "is a device, not a file"))
        #expect(
            refusal(folder.path)
                == Failure(.noInput, place: folder.path, "is a folder, not a file", suggestion: "name a file in it"))
    }

    @Test func socketsAreNoFiles() throws {
        let path = folder.file("s")
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(status == 0)
        #expect(refusal(path) == Failure(.noInput, place: path, "is a socket, not a file"))
    }

    @Test func linksAreFollowed() throws {
        let manager = FileManager.default
        let target = try folder.write(Array("one".utf8), to: "a name with\nlines")
        try manager.createSymbolicLink(atPath: folder.file("link"), withDestinationPath: target)
        #expect(try Descriptor.contents(of: folder.file("link")) == Array("one".utf8))
        try manager.createSymbolicLink(atPath: folder.file("loop"), withDestinationPath: "loop")
        #expect(refusal(folder.file("loop"))?.message == "too many levels of symbolic links")
        try manager.createSymbolicLink(atPath: folder.file("dangling"), withDestinationPath: "nowhere")
        #expect(refusal(folder.file("dangling"))?.message == "is a link to a file that does not exist")
        #expect(refusal(folder.file("nothing"))?.message == "no such file or directory")
    }
}
