import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Writes files that appear whole or not at all: they are written beside their place under another name, then renamed.
package enum Publishing {
    /// Throws `cannotCreate` if `path` plainly cannot be published, so that this is told before long work.
    package static func check(_ path: String) throws {
        try locating(path) {
            var status = stat()
            if stat(path, &status) == 0 {
                if status.st_mode & S_IFMT == S_IFDIR { throw Failure(.cannotCreate, "is a directory") }
                return
            }
            let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
            if access(folder, W_OK) != 0 { throw Failure(.cannotCreate, "cannot create: \(systemError())") }
        }
    }

    /// Writes a file by `body`, which gets a descriptor. Devices and pipes are written in place.
    ///
    /// `synchronize: false` leaves out fsync, for many small files. Throws `cannotCreate` or `inputOutput`, which name
    /// the path; an older file of that name then stays untouched.
    package static func publish(_ path: String, synchronize: Bool = true, _ body: (Int32) throws -> Void) throws {
        try locating(path) {
            var status = stat()
            let exists = stat(path, &status) == 0
            if exists, status.st_mode & S_IFMT == S_IFDIR { throw Failure(.cannotCreate, "is a directory") }
            if exists, status.st_mode & S_IFMT != S_IFREG { return try writeInPlace(path, body) }
            try replace(exists ? resolved(path) : path, synchronize: synchronize, body)
        }
    }

    package static func publish(_ path: String, synchronize: Bool = true, bytes: [UInt8]) throws {
        try publish(path, synchronize: synchronize) { try Descriptor.write($0, bytes) }
    }

    package static func publish(_ path: String, text: String) throws { try publish(path, bytes: Array(text.utf8)) }

    /// Removes the files that were begun and not published. A program that fails or is interrupted ends with this.
    package static func removeUnfinished() {
        unfinished.withLock { paths in
            for path in paths { unlink(path) }
            paths.removeAll()
        }
    }

    private static func replace(_ path: String, synchronize: Bool, _ body: (Int32) throws -> Void) throws {
        let (temporary, descriptor) = try create(beside: path)
        var isOpen = true
        defer {
            if isOpen { close(descriptor) }
            // After the rename there is nothing left under this name.
            unfinished.withLock { if $0.remove(temporary) != nil { unlink(temporary) } }
        }
        try body(descriptor)
        if synchronize, fsync(descriptor) != 0 { throw Failure(.inputOutput, "cannot write: \(systemError())") }
        isOpen = false
        try Descriptor.close(descriptor)
        let code = unfinished.withLock { paths -> Int32 in
            guard rename(temporary, path) == 0 else { return errno }
            paths.remove(temporary)
            return 0
        }
        if code != 0 { throw Failure(.cannotCreate, "cannot create: \(systemError(code))") }
    }

    private static func create(beside path: String) throws -> (String, Int32) {
        let slash = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
        while true {
            let tag = String(UInt32.random(in: 0...UInt32.max), radix: 36)
            // The name may be as long as the file system allows; the tag needs some of its bytes.
            let name = String(decoding: path[slash...].utf8.prefix(180), as: UTF8.self)
            let temporary = "\(path[..<slash]).\(name).\(tag).part"
            let (descriptor, code) = unfinished.withLock { paths -> (Int32, Int32) in
                let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
                if descriptor >= 0 { paths.insert(temporary) }
                return (descriptor, errno)
            }
            if descriptor >= 0 { return (temporary, descriptor) }
            if code != EEXIST { throw Failure(.cannotCreate, "cannot create: \(systemError(code))") }
        }
    }

    private static func writeInPlace(_ path: String, _ body: (Int32) throws -> Void) throws {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(.cannotCreate, "cannot open: \(systemError())") }
        do {
            try body(descriptor)
        } catch {
            close(descriptor)
            throw error
        }
        try Descriptor.close(descriptor)
    }

    /// Whether files that are published at two paths are one file, however the paths are spelled.
    package static func isOneFile(_ path: String, _ other: String) -> Bool { place(path) == place(other) }

    /// Returns the path at which a file is published, without links and detours.
    private static func place(_ path: String) -> String {
        if access(path, F_OK) == 0 { return resolved(path) }
        let (folder, name) =
            path.lastIndex(of: "/").map { (String(path[...$0]), path[path.index(after: $0)...]) } ?? (".", path[...])
        return "\(resolved(folder))/\(name)"
    }

    /// Returns `path` with symbolic links followed, so that a link stays a link.
    private static func resolved(_ path: String) -> String {
        guard let real = realpath(path, nil) else { return path }
        defer { free(real) }
        return String(cString: real)
    }

    // Global, because a program that is interrupted must know the unfinished files of all its threads.
    private static let unfinished = Mutex<Set<String>>([])
}
