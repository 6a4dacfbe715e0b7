#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A folder that a program fills with files.
package enum OutputFolder {
    /// Throws `cannotCreate` if `path` is no folder, cannot be written to, or holds files and `allowingFiles` is false. A
    /// folder that does not exist yet is allowed, since `make` can make it.
    package static func check(_ path: String, allowingFiles: Bool) throws {
        guard let folder = opendir(path) else {
            let code = errno
            guard code == ENOENT else { throw Failure(.cannotCreate, place: path, systemError(code)) }
            return try checkCanBeMade(path)
        }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 1) { String(cString: $0) }
            }
            if !allowingFiles, name != ".", name != ".." {
                throw Failure(
                    .cannotCreate, place: path, "the directory is not empty", suggestion: "<force> writes into it")
            }
        }
        guard access(path, W_OK) == 0 else { throw Failure(.cannotCreate, place: path, systemError()) }
    }

    /// Throws `cannotCreate` if the nearest folder above `path` that exists cannot be written to.
    private static func checkCanBeMade(_ path: String) throws {
        var above = path[...]
        while !above.isEmpty {
            above = above.dropLast(while: { $0 == "/" }).dropLast(while: { $0 != "/" })
            let folder = above.isEmpty ? "." : String(above)
            guard access(folder, F_OK) == 0 else { continue }
            guard access(folder, W_OK) == 0 else { throw Failure(.cannotCreate, place: path, systemError()) }
            return
        }
    }

    /// Makes `path` and the folders above it, unless they exist. Throws `cannotCreate`.
    package static func make(_ path: String) throws {
        var partial = path.hasPrefix("/") ? "/" : ""
        for component in path.split(separator: "/") {
            partial += component + "/"
            if mkdir(partial, 0o777) != 0, errno != EEXIST, errno != EISDIR, errno != EROFS {
                throw Failure(.cannotCreate, place: path, systemError())
            }
        }
    }
}

extension Substring {
    /// Returns the text without the characters at its end that `predicate` holds for.
    fileprivate func dropLast(while predicate: (Character) -> Bool) -> Substring {
        lastIndex { !predicate($0) }.map { self[...$0] } ?? ""
    }
}
