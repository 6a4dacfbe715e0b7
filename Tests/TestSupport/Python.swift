import Foundation

/// The Python for tests that need one: $PYTHON, else python3.
package enum Python {
    package static let command = ProcessInfo.processInfo.environment["PYTHON"] ?? "python3"

    /// Returns whether `import modules` works.
    package static func imports(_ modules: String) -> Bool {
        (try? Programs.shell("'\(command)' -c 'import \(modules)'"))?.status == 0
    }
}
