#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// POSIX input and output, whole or with an error: never FileHandle, which crashes where a reader has gone.
package enum Descriptor {
    package static let standardInput: Int32 = 0
    package static let standardOutput: Int32 = 1
    package static let standardError: Int32 = 2

    package static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

    /// Reads at most `buffer.count` bytes; 0 at the end of the input. Throws `.inputOutput`.
    package static func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        while true {
            let count = systemRead(descriptor, buffer.baseAddress, buffer.count)
            if count >= 0 { return count }
            guard errno == EINTR else { throw Failure(.inputOutput, "cannot read: \(systemError())") }
        }
    }

    /// Waits until there is something to read, or the end of the input; false where neither came before `deadline`.
    package static func awaitInput(_ descriptor: Int32, until deadline: ContinuousClock.Instant) -> Bool {
        while true {
            let left = max(deadline - .now, .zero) / .milliseconds(1)
            var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let count = poll(&request, 1, Int32(min(left.rounded(.up), 1e9)))
            if count > 0 || count < 0 && errno != EINTR { return true }
            if count == 0, deadline <= .now { return false }
        }
    }

    /// Writes all of `bytes`. Throws `.readerGone` where nobody reads any more, `.inputOutput` otherwise.
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

    /// Closes; a write that fails only now (a full disk, a network file system) is an error too.
    package static func close(_ descriptor: Int32) throws {
        if systemClose(descriptor) != 0, errno != EINTR { throw unwritable(descriptor) }
    }

    private static func unwritable(_ descriptor: Int32) -> Failure {
        Failure(
            .inputOutput, place: descriptor == standardOutput ? "standard output" : nil,
            "cannot write: \(systemError())")
    }

    /// Opens a file for reading. Throws `.noInput` that names it.
    package static func open(_ path: String) throws -> Int32 {
        let descriptor = systemOpen(path)
        guard descriptor >= 0 else { throw Failure(.noInput, place: path, systemError()) }
        return descriptor
    }

    /// The bytes of a whole file, pipe or device, at most `limit` of them. Throws `.noInput` or `.data`.
    package static func contents(of path: String, limit: Int = .max) throws -> [UInt8] {
        let descriptor = try open(path)
        defer { _ = systemClose(descriptor) }
        return try locating(path) { try contents(descriptor, limit: limit) }
    }

    /// The bytes up to the end of the input, at most `limit` of them. Throws `.inputOutput` or `.data`.
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

// The C functions under other names: inside the type the short ones would mean its members.
private func systemRead(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    read(descriptor, buffer, count)
}
private func systemWrite(_ descriptor: Int32, _ buffer: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, buffer, count)
}
private func systemClose(_ descriptor: Int32) -> Int32 { close(descriptor) }
private func systemOpen(_ path: String) -> Int32 { open(path, O_RDONLY | O_CLOEXEC) }
