import Foundation

/// Finds recorded numbers: small files in the repository, and the whole collection beside it, if there is one.
package enum Fixtures {
    /// The package's root folder.
    package static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    /// Returns the path of `name` under Tests/Fixtures, for example "solvers/vp_linear.safetensors".
    package static func path(_ name: String) -> String { "\(root)/Tests/Fixtures/\(name)" }

    /// Returns the bytes of a file of the repository, such as a page of its documentation.
    package static func contents(ofDocument name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(root)/\(name)")))
    }

    /// Returns the path of `name` in the whole collection, which is $LD3_FIXTURES, else ../shared/fixtures beside the
    /// repository; nil if it does not exist. A test of it carries `.enabled(if: Fixtures.shared("...") != nil)`.
    package static func shared(_ name: String) -> String? {
        let folders =
            [ProcessInfo.processInfo.environment["LD3_FIXTURES"]].compactMap { $0 } + [
                "\(root)/../shared/fixtures", "\(root)/../../shared/fixtures",
            ]
        return folders.map { "\($0)/\(name)" }.first { FileManager.default.fileExists(atPath: $0) }
    }
}

/// A fresh folder that is removed with everything in it when the object goes, which may be right after its last use:
/// `withExtendedLifetime` keeps it while a program reads from it.
package final class TemporaryFolder {
    package let path: String

    package init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("ld3-test-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    package func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes `bytes` to the file `name` and returns its path.
    @discardableResult
    package func write(_ bytes: some Sequence<UInt8>, to name: String) throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: file(name)))
        return file(name)
    }
}
