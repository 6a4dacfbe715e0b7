import Diagnostics

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Returns the digest that `ld3.model_sha256` carries. It is the SHA-256 of the file's length (u64, little-endian), its
/// first MiB and its last MiB, or of the length and the whole file if it has at most 2 MiB. So even a checkpoint of
/// many GiB is told from another at once.
///
/// Throws `.noInput` if the file cannot be opened or is no regular file, `.inputOutput` if it cannot be read.
package func modelDigest(ofFile path: String) throws -> String {
    let descriptor = try Descriptor.open(path)
    defer { close(descriptor) }
    let (length, piece) = (Descriptor.size(of: descriptor) ?? 0, 1 << 20)
    var hash = SHA256()
    hash.update((0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) })
    if length <= 2 * piece {
        hash.update(try readBytes(descriptor, at: 0, count: length, path: path))
    } else {
        hash.update(try readBytes(descriptor, at: 0, count: piece, path: path))
        hash.update(try readBytes(descriptor, at: length - piece, count: piece, path: path))
    }
    return hash.finish()
}

/// Returns the digest of a model that is kept in several files of a folder. It is the SHA-256 of each file's name, a
/// zero byte and the 32 bytes of the file's own digest, in the order of the names.
///
/// - Parameter names: the paths of the files in the folder.
///
/// Throws what the digest of a file throws.
package func modelDigest(ofFiles names: [String], in folder: String) throws -> String {
    var hash = SHA256()
    for name in names.sorted() {
        let digits = Array(try modelDigest(ofFile: "\(folder)/\(name)"))
        let bytes = stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(digits[$0..<$0 + 2]), radix: 16)
        }
        hash.update(Array(name.utf8) + [0] + bytes)
    }
    return hash.finish()
}

private func readBytes(_ descriptor: Int32, at offset: Int, count: Int, path: String) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
        while filled < count {
            let got = pread(descriptor, buffer.baseAddress.map { $0 + filled }, count - filled, off_t(offset + filled))
            if got < 0 && errno == EINTR { continue }
            guard got > 0 else {
                throw Failure(.inputOutput, place: path, got == 0 ? "shrank while it was read" : systemError())
            }
            filled += got
        }
    }
}
