#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// POSIX input and output that is complete or throws. FileHandle would crash the program if a reader goes.
package enum Descriptor {
    package static let standardInput: Int32 = 0
    package static let standardOutput: Int32 = 1
    package static let standardError: Int32 = 2

    package static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

    /// Reads at most `buffer.count` bytes and returns their number, 0 at the end of the input. Throws `inputOutput`.
    package static func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        while true {
            let count = systemRead(descriptor, buffer.baseAddress, buffer.count)
            if count >= 0 { return count }
            guard errno == EINTR else { throw Failure(.inputOutput, "cannot read: \(systemError())") }
        }
    }

    /// Waits until there is something to read, or the end of the input. Returns false if neither came before `deadline`.
    package static func awaitInput(_ descriptor: Int32, until deadline: ContinuousClock.Instant) -> Bool {
        while true {
            let left = max(deadline - .now, .zero) / .milliseconds(1)
            var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let count = poll(&request, 1, Int32(min(left.rounded(.up), 1e9)))
            if count > 0 || count < 0 && errno != EINTR { return true }
            if count == 0, deadline <= .now { return false }
        }
    }

    /// Returns the bytes that can be read at once, at most `count` of them; none if nothing has come yet.
    package static func available(_ descriptor: Int32, atMost count: Int) -> [UInt8] {
        guard awaitInput(descriptor, until: .now) else { return [] }
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = (try? read(descriptor, into: UnsafeMutableRawBufferPointer(buffer))) ?? 0
        }
    }

    /// Writes all of `bytes`. Throws `readerGone` if nobody reads any more, else `inputOutput`.
    package static func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = systemWrite(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EPIPE {
                throw Failure(.readerGone, "the reader of the output has gone")
            } else if errno != EINTR {
                throw unwritable(descriptor)
            }
        }
    }

    package static func write(_ descriptor: Int32, _ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { try write(descriptor, $0) }
    }

    package static func write(_ descriptor: Int32, _ text: String) throws {
        try write(descriptor, Array(text.utf8))
    }

    /// Closes. Throws `inputOutput` if a write fails only now, as on a full disk or a network file system.
    package static func close(_ descriptor: Int32) throws {
        if systemClose(descriptor) != 0, errno != EINTR { throw unwritable(descriptor) }
    }

    private static func unwritable(_ descriptor: Int32) -> Failure {
        Failure(
            .inputOutput, place: descriptor == standardOutput ? "standard output" : nil,
            "cannot write: \(systemError())")
    }

    /// Opens a regular file for reading and returns its descriptor. It never waits for another program. Throws `noInput`,
    /// which names the path, and says what is there if it is no file.
    package static func open(_ path: String) throws -> Int32 {
        try requireFile(path)
        let descriptor = systemOpen(path)
        guard descriptor >= 0 else { throw Failure(.noInput, place: path, systemError()) }
        // Something else may have taken the file's place meanwhile.
        guard size(of: descriptor) != nil else {
            _ = systemClose(descriptor)
            throw Failure(.noInput, place: path, "is no regular file")
        }
        return descriptor
    }

    /// Throws `noInput` unless there is a regular file at `path`.
    package static func requireFile(_ path: String) throws {
        var status = stat()
        guard stat(path, &status) == 0 else {
            let code = errno
            let isLink = code == ENOENT && lstat(path, &status) == 0
            throw Failure(
                .noInput, place: path, isLink ? "is a link to a file that does not exist" : systemError(code))
        }
        let (kind, suggestion): (String, String?) =
            switch status.st_mode & S_IFMT {
            case S_IFREG: ("", nil)
            case S_IFDIR: ("is a folder, not a file", "name a file in it")
            case S_IFIFO: ("is a pipe, not a file", "save what it carries as a file")
            case S_IFSOCK: ("is a socket, not a file", nil)
            default: ("is a device, not a file", nil)
            }
        guard kind.isEmpty else { throw Failure(.noInput, place: path, kind, suggestion: suggestion) }
    }

    /// Returns the number of bytes of an opened regular file; nil if it is something else.
    package static func size(of descriptor: Int32) -> Int? {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int(status.st_size)
    }

    /// Returns the bytes of a whole regular file. Throws `noInput`, or `data` if there are more than `limit`.
    package static func contents(of path: String, limit: Int = .max) throws -> [UInt8] {
        let descriptor = try open(path)
        defer { _ = systemClose(descriptor) }
        return try locating(path) { try contents(descriptor, limit: limit) }
    }

    /// Returns the bytes up to the end of the input. Throws `inputOutput`, or `data` if there are more than `limit`.
    package static func contents(_ descriptor: Int32, limit: Int = .max) throws -> [UInt8] {
        var bytes: [UInt8] = []
        let chunk = 1 << 16
        while true {
            let part = try [UInt8](unsafeUninitializedCapacity: chunk) { buffer, count in
                count = try read(descriptor, into: UnsafeMutableRawBufferPointer(buffer))
            }
            if part.isEmpty { return bytes }
            guard bytes.count + part.count <= limit else { throw Failure(.data, "longer than \(limit) bytes") }
            bytes += part
        }
    }
}

// The C functions under other names, because their own would mean members of the type inside it.
private func systemRead(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    read(descriptor, buffer, count)
}
private func systemWrite(_ descriptor: Int32, _ buffer: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, buffer, count)
}
private func systemClose(_ descriptor: Int32) -> Int32 { close(descriptor) }
private func systemOpen(_ path: String) -> Int32 { open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
