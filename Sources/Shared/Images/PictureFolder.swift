import Diagnostics
import Formats
import Foundation

/// The PNG files of a folder and of all folders below it, linked ones included, in the order of their names.
package struct PictureFolder: Sendable {
    package let path: String
    /// The paths of the files below the folder, sorted.
    package let names: [String]
    /// The numbers by which the files are named, which are their seeds; nil if a name is not a number, or if two are
    /// the same number.
    package let seeds: [Int64]?
    /// The other contents of the folder, such as "2 other files (.jpg)"; nil if there is nothing else.
    package let rest: String?

    /// Lists the files. Throws `.noInput` if the folder cannot be read, `.data` if it holds no PNG file; the message
    /// tells what it holds.
    package init(_ path: String) throws {
        let walk = try FolderWalk(path)
        self.path = path
        rest = walk.rest
        names = walk.pictures.sorted()
        guard !names.isEmpty else {
            throw Failure(
                .data, place: path, "holds no PNG file" + (rest.map { ", but \($0)" } ?? ""),
                suggestion: Self.remedy(for: Set(walk.others.keys)))
        }
        let numbers = names.map(Self.number)
        let known = numbers.compactMap { $0 }
        seeds = known.count == names.count && Set(known).count == known.count ? known : nil
    }

    package var count: Int { names.count }

    /// Returns picture number `index`. Throws a failure that names the file.
    package func picture(_ index: Int) throws -> Image {
        let file = file(index)
        let mapped = try MappedFile(path: file)
        return try locating(file) {
            guard mapped.bytes.count <= PNG.largestFile else {
                throw Failure(.data, "has \(mapped.bytes.count) bytes; at most \(PNG.largestFile) are read")
            }
            return try PNG.decode(withExtendedLifetime(mapped) { [UInt8](mapped.bytes) })
        }
    }

    /// The path of picture number `index`.
    package func file(_ index: Int) -> String { "\(path)/\(names[index])" }

    private static func remedy(for suffixes: Set<String>) -> String? {
        if !suffixes.isDisjoint(with: ["tar", "zip", "gz", "tgz", "7z"]) { return "unpack the archives first" }
        return suffixes.isEmpty ? nil : "pictures must be converted to PNG"
    }

    private static func number(_ name: String) -> Int64? {
        let digits = (name.split(separator: "/").last ?? "").dropLast(4)
        return !digits.isEmpty && digits.allSatisfy { $0.isASCII && $0.isNumber } ? Int64(digits) : nil
    }

    package static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
    }
}
