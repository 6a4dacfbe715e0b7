#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A folder that a program fills with files.
package enum OutputFolder {
    /// Makes `path`, and the folders above it, where they are not there. Throws `.cannotCreate` where that fails, and
    /// where it holds files and `allowingFiles` is false.
    package static func prepare(_ path: String, allowingFiles: Bool) throws {
        try makeFolders(path)
        guard let folder = opendir(path) else { throw Failure(.cannotCreate, place: path, systemError()) }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 1) { String(cString: $0) }
            }
            if !allowingFiles, name != ".", name != ".." {
                throw Failure(
                    .cannotCreate, place: path, "the directory is not empty", suggestion: "--force writes into it")
            }
        }
        guard access(path, W_OK) == 0 else { throw Failure(.cannotCreate, place: path, systemError()) }
    }

    private static func makeFolders(_ path: String) throws {
        var partial = path.hasPrefix("/") ? "/" : ""
        for component in path.split(separator: "/") {
            partial += component + "/"
            if mkdir(partial, 0o777) != 0, errno != EEXIST, errno != EISDIR, errno != EROFS {
                throw Failure(.cannotCreate, place: path, systemError())
            }
        }
    }
}
