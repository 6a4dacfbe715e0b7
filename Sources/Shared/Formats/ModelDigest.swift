import Diagnostics

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Returns the digest that `ld3.model_sha256` carries. It is the SHA-256 of the file's length (u64, little-endian), its
/// first MiB and its last MiB, or of the length and the whole file if it has at most 2 MiB. If it has more than 16 MiB, a
/// hyphen and a second SHA-256 follow: that of the first 4 KiB of the second MiB of the file, of the third and so on, for each
/// that ends where the file's last MiB begins or before. So even a checkpoint of many GiB is told from another at once.
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
    guard length > 16 * piece else { return hash.finish() }
    var blocks = SHA256()
    for place in stride(from: piece, through: length - 2 * piece, by: piece) {
        blocks.update(try readBytes(descriptor, at: place, count: 1 << 12, path: path))
    }
    return "\(hash.finish())-\(blocks.finish())"
}

/// Whether two digests may be of one model. Those of earlier versions have no second part: it counts if both have one. An
/// empty digest is of no model.
package func isOneModel(_ digest: String?, _ other: String?) -> Bool {
    guard let digest, let other else { return digest == other }
    let parts = [digest, other].map { $0.split(separator: "-", omittingEmptySubsequences: false) }
    return parts[0].first?.isEmpty == false && zip(parts[0], parts[1]).allSatisfy(==)
}

/// Returns the beginning of each part of a digest, for messages.
package func brief(digest: String) -> String {
    digest.split(separator: "-").map { $0.prefix(12) }.joined(separator: "-")
}

/// Returns the digest of a model that is kept in several files of a folder. It is the SHA-256 of each file's name, a
/// zero byte and the 32 bytes of the first part of the file's own digest, in the order of the names. If a file's digest has a
/// second part, that of the folder is the SHA-256 of the names, zero bytes and all parts.
///
/// - Parameter names: the paths of the files in the folder.
///
/// Throws what the digest of a file throws.
package func modelDigest(ofFiles names: [String], in folder: String) throws -> String {
    var (first, all, hasBlocks) = (SHA256(), SHA256(), false)
    for name in names.sorted() {
        let parts = try modelDigest(ofFile: "\(folder)/\(name)").split(separator: "-").map(bytes)
        first.update(Array(name.utf8) + [0] + parts[0])
        all.update(Array(name.utf8) + [0] + parts.joined())
        hasBlocks = hasBlocks || parts.count > 1
    }
    return hasBlocks ? "\(first.finish())-\(all.finish())" : first.finish()
}

/// Returns the bytes that hexadecimal digits spell.
private func bytes(_ text: Substring) -> [UInt8] {
    let digits = Array(text)
    return stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0..<$0 + 2]), radix: 16) }
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
