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

    /// Opens a file for reading. Throws `noInput`, which names it.
    package static func open(_ path: String) throws -> Int32 {
        let descriptor = systemOpen(path)
        guard descriptor >= 0 else { throw Failure(.noInput, place: path, systemError()) }
        return descriptor
    }

    /// Returns the bytes of a whole file, pipe or device. Throws `noInput`, or `data` if there are more than `limit`.
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
private func systemOpen(_ path: String) -> Int32 { open(path, O_RDONLY | O_CLOEXEC) }
