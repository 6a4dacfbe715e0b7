import Diagnostics
import Formats

/// NumPy's archive of arrays (`np.savez`, `np.savez_compressed`). An array is read when it is asked for.
package struct NPZFile: Sendable {
    /// The names of the arrays, without `.npy`, in the archive's order.
    package let names: [String]
    private let archive: ZipArchive
    private let path: String

    /// Throws `.noInput` if the file cannot be opened, `.data` if it is no such archive; both name the path.
    package init(path: String) throws {
        let region = ByteRegion(try MappedFile(path: path))
        try self.init(region, path: path)
    }

    /// Reads an archive in memory; `path` names it in messages.
    package init(_ region: ByteRegion, path: String) throws {
        self.path = path
        (archive, names) = try locating(path) {
            try region.refuseOtherKinds(wanted: Self.kind, accepted: [.npz, .zip])
            let archive = try ZipArchive(region)
            let names = archive.members.map(\.name).filter { $0.hasSuffix(".npy") }.map { String($0.dropLast(4)) }
            if names.isEmpty { try region.refuseOtherKinds(wanted: Self.kind) }
            return (archive, names)
        }
    }

    /// The array that `np.savez` names by itself: `arr_0`, or the only one; nil if there are several others.
    package var mainName: String? { names.contains("arr_0") ? "arr_0" : names.count == 1 ? names[0] : nil }

    private static let kind = "an .npz archive"

    /// Whether the file at `path` begins as a zip archive, or has a name that promises one.
    package static func isMeant(by path: String) throws -> Bool {
        let region = ByteRegion(try MappedFile(path: path))
        return region.withBytes { FileKind.isZip($0) } || path.lowercased().hasSuffix(".npz")
    }

    /// Returns the array `name` in row-major order. Throws `.data` if there is none (the message names those that are
    /// there) or if it is corrupt.
    package func array(_ name: String) throws -> NamedTensor {
        guard let member = archive[name + ".npy"] else {
            throw Failure(.data, place: path, "no array named `\(name)` (found: \(names.joined(separator: ", ")))")
        }
        return try locating(path) {
            let contents = try archive.contents(of: member)
            return try locating(member.name) { try NPY.parse(contents.array, name: name) }
        }
    }

    /// Returns the bytes of an archive of these arrays, stored, as NumPy reads it. Throws what `ZipWriter.add` throws.
    package static func serialize(_ tensors: [NamedTensor]) throws -> [UInt8] {
        var writer = ZipWriter(alignment: 64)
        for tensor in tensors { try writer.add(tensor.name + ".npy", try NPY.serialize(tensor)) }
        return writer.finished()
    }
}
