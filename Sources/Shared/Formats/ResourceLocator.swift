import Diagnostics

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Finds the files that ship with the programs: the embedded model, its features, their reference statistics.
///
/// The locator looks in $LD3_SHARE, then in `<executable>/../share/ld3` (`make install` puts them there), then beside the
/// executable, then in the source tree that holds the build folder.
package struct ResourceLocator: Sendable {
    package let folders: [String]

    /// - Parameters:
    ///   - share: the value of LD3_SHARE, if it is set.
    ///   - executable: the folder of the running program.
    package init(share: String?, executable: String?) {
        let fixed = executable.map {
            [$0 + "/../share/ld3", $0, $0 + "/../../../Sources/Shared/Models/Resources"]
        }
        folders = (share.map { [$0] } ?? []) + (fixed ?? [])
    }

    /// The locator of this process.
    package static var standard: ResourceLocator {
        let share = getenv("LD3_SHARE").map { String(cString: $0) }
        let link = realpath("/proc/self/exe", nil)
        defer { free(link) }
        let folder = link.map { String(cString: $0) }?.split(separator: "/").dropLast().joined(separator: "/")
        return ResourceLocator(share: share.flatMap { $0.isEmpty ? nil : $0 }, executable: folder.map { "/" + $0 })
    }

    /// Returns the path of a resource file. Throws `noInput`, naming the places tried.
    package func path(of name: String) throws -> String {
        let candidates = folders.map { "\($0)/\(name)" }
        if let found = candidates.first(where: { access($0, R_OK) == 0 }) { return found }
        throw Failure(
            .noInput, place: name, "not found in \(folders.joined(separator: ", "))",
            suggestion: "set LD3_SHARE to the folder that holds it")
    }
}
