import Diagnostics

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The files of a folder and of all folders below it, linked ones included: its PNG files, and a count of the others.
struct FolderWalk {
    /// The paths of the PNG files below the folder, in no order.
    private(set) var pictures: [String] = []
    /// The numbers of other files by their suffixes, in small letters; "" if a name has none.
    private(set) var others: [String: Int] = [:]
    /// The number of hidden files and folders. They are no pictures of the user: `._1.png` and `__MACOSX` hold what macOS
    /// knows of files.
    private(set) var hidden = 0
    /// The number of links to a folder in which they lie themselves.
    private(set) var circles = 0

    private let root: String

    /// The identity of a folder, whatever the links that lead to it.
    private struct Identity: Equatable {
        var device: dev_t
        var node: ino_t
    }

    /// Throws `.noInput`, naming the folder, if one cannot be read, and `.data` if a name is no text.
    init(_ root: String) throws {
        self.root = root
        try enter("", below: [])
    }

    /// The other things that were found, as messages print them: "2 other files (.jpg), 1 hidden file or folder"; nil if
    /// there was nothing.
    var rest: String? {
        var parts: [String] = []
        if !others.isEmpty {
            let suffixes = others.keys.filter { !$0.isEmpty }.sorted().map { ".\($0)" }
            let listed = suffixes.prefix(8).joined(separator: ", ") + (suffixes.count > 8 ? ", ..." : "")
            let count = counted(others.values.reduce(0, +), "other file")
            parts.append(listed.isEmpty ? count : "\(count) (\(listed))")
        }
        if hidden > 0 { parts.append(hidden == 1 ? "1 hidden file or folder" : "\(hidden) hidden files or folders") }
        if circles > 0 { parts.append("\(counted(circles, "link")) back to a folder above") }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }

    /// Lists the folder `path`, relative to the root; "" is the root. Messages name it together with the root.
    private mutating func enter(_ path: String, below ancestors: [Identity]) throws {
        let place = path.isEmpty ? root : "\(root)/\(path)"
        guard let folder = opendir(place) else { throw Failure(.noInput, place: place, systemError()) }
        defer { closedir(folder) }
        var status = stat()
        guard fstat(dirfd(folder), &status) == 0 else { throw Failure(.noInput, place: place, systemError()) }
        let identity = Identity(device: status.st_dev, node: status.st_ino)
        if ancestors.contains(identity) { return circles += 1 }
        var folders: [String] = []
        func next() -> UnsafeMutablePointer<dirent>? {
            errno = 0
            return readdir(folder)
        }
        while let entry = next() {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: UInt8.self, capacity: 1) { String(decodingCString: $0, as: UTF8.self) }
            }
            if name == "." || name == ".." { continue }
            if name.hasPrefix(".") || name == "__MACOSX" {
                hidden += 1
                continue
            }
            let isFolder = Self.isFolder(kind: Int32(entry.pointee.d_type), "\(place)/\(name)")
            let suffix = Self.suffix(of: name)
            guard isFolder || suffix == "png" else {
                others[suffix, default: 0] += 1
                continue
            }
            guard !name.unicodeScalars.contains("\u{FFFD}") else {
                throw Failure(.data, place: "\(place)/\(name)", "has a name that is not UTF-8", suggestion: "rename it")
            }
            let inner = path.isEmpty ? name : "\(path)/\(name)"
            if isFolder { folders.append(inner) } else { pictures.append(inner) }
        }
        guard errno == 0 else { throw Failure(.noInput, place: place, systemError()) }
        for inner in folders { try enter(inner, below: ancestors + [identity]) }
    }

    /// Whether an entry is a folder or leads to one. Most entries tell their kind, which spares looking at the file.
    private static func isFolder(kind: Int32, _ path: String) -> Bool {
        if kind == Int32(DT_DIR) { return true }
        if kind == Int32(DT_REG) { return false }
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    static func suffix(of name: String) -> String {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count > 1 ? parts[parts.count - 1].lowercased() : ""
    }
}
