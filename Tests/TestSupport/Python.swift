import Foundation

/// Python's interpreter, for tests of stages in another language; they carry `.enabled(if: Python.isAvailable)`.
package enum Python {
    /// python3 3.8 or later on the PATH.
    package static let isAvailable: Bool = {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "exec python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2> /dev/null"]
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()
}
