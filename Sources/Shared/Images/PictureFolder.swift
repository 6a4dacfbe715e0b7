import Diagnostics
import Foundation

/// The PNG files of a folder and of all folders below it, in the order of their names.
package struct PictureFolder: Sendable {
    package let path: String
    /// The paths of the files below the folder, sorted.
    package let names: [String]
    /// The numbers by which the files are named, which are their seeds; nil if a name is not a number, or if two are
    /// the same number.
    package let seeds: [Int64]?

    /// Lists the files. Throws `.noInput` if the folder cannot be read, `.data` if it holds no PNG file; the message
    /// tells what it holds.
    package init(_ path: String) throws {
        guard Self.isFolder(path) else { throw Failure(.noInput, place: path, "is no folder that can be opened") }
        let all: [String]
        do {
            all = try FileManager.default.subpathsOfDirectory(atPath: path)
        } catch {
            throw Failure(.noInput, place: path, "cannot be read")
        }
        self.path = path
        names = all.filter { Self.suffix(of: $0) == "png" && !Self.isFolder("\(path)/\($0)") }.sorted()
        guard !names.isEmpty else {
            let suffixes = Set(all.map(Self.suffix(of:))).filter { !$0.isEmpty }.sorted()
            let found = suffixes.isEmpty ? "\(all.count) other files" : "only .\(suffixes.joined(separator: ", ."))"
            throw Failure(.data, place: path, "holds no PNG file (\(found))")
        }
        let numbers = names.map(Self.number)
        let known = numbers.compactMap { $0 }
        seeds = known.count == names.count && Set(known).count == known.count ? known : nil
    }

    package var count: Int { names.count }

    /// Returns picture number `index`. Throws a failure that names the file.
    package func picture(_ index: Int) throws -> Image {
        let file = "\(path)/\(names[index])"
        return try locating(file) { try PNG.decode(try Descriptor.contents(of: file, limit: PNG.largestFile)) }
    }

    private static func suffix(of name: String) -> String {
        let file = name.split(separator: "/").last ?? ""
        let parts = file.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count > 1 ? parts[parts.count - 1].lowercased() : ""
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
