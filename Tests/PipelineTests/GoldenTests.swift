import Foundation
import TestSupport
import Testing

/// Command lines with everything that they print. A folder of Golden is one case:
///
///     command            a script for sh, run in an empty folder
///     expected-output    its standard output; expected-checksum, its SHA-256, if it is no text
///     expected-errors    its standard error
///     expected-status    its exit status
///
/// With LD3_RECORD_GOLDEN=1 in the environment the expectations are written instead (`make record-golden`).
struct GoldenTests {
    private static let folder = "\(Fixtures.root)/Tests/PipelineTests/Golden"
    private static let isRecording = ProcessInfo.processInfo.environment["LD3_RECORD_GOLDEN"] == "1"
    private static let cases =
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { !$0.hasPrefix(".") }.sorted()

    @Test func thereAreCases() { #expect(Self.cases.count >= 30) }

    @Test(arguments: cases) func printsWhatIsExpected(name: String) throws {
        let golden = GoldenCase(folder: "\(Self.folder)/\(name)")
        let result = try golden.run()
        if Self.isRecording { return try golden.record(result) }
        #expect(result.status == golden.status)
        #expect(result.errors == golden.errors)
        if let checksum = golden.checksum {
            #expect(try GoldenCase.checksum(of: result.output) == checksum)
        } else {
            #expect(result.text == golden.output)
        }
    }
}

/// One folder of Golden.
private struct GoldenCase {
    let folder: String

    var status: Int32? { text("expected-status").flatMap { Int32($0.trimmingCharacters(in: .newlines)) } }
    var errors: String? { text("expected-errors") }
    var output: String? { text("expected-output") }
    var checksum: String? { text("expected-checksum")?.trimmingCharacters(in: .newlines) }

    func run() throws -> Programs.Result {
        guard let command = text("command") else { throw ProgramError("\(folder)/command cannot be read") }
        let work = try TemporaryFolder()
        return try withExtendedLifetime(work) {
            try Programs.shell("cd '\(work.path)' || exit 1\n\(command)", environment: ["LC_ALL": "C"])
        }
    }

    /// Writes what a run printed as what is expected; output with a null byte or of invalid UTF-8 as a checksum.
    func record(_ result: Programs.Result) throws {
        let isText = !result.output.contains(0) && String(validating: result.output, as: UTF8.self) != nil
        try write(isText ? result.text : nil, "expected-output")
        try write(isText ? nil : "\(Self.checksum(of: result.output))\n", "expected-checksum")
        try write(result.errors, "expected-errors")
        try write("\(result.status)\n", "expected-status")
    }

    static func checksum(of bytes: [UInt8]) throws -> String {
        String(try Programs.run("/usr/bin/sha256sum", input: bytes).text.prefix(64))
    }

    private func text(_ name: String) -> String? { try? String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8) }

    private func write(_ text: String?, _ name: String) throws {
        guard let text else {
            try? FileManager.default.removeItem(atPath: "\(folder)/\(name)")
            return
        }
        try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
    }
}
