import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Runs the built programs as a user does: alone, or in pipes by a shell.
///
/// Output goes to files and is read when the program has ended, so that no program ever waits for its reader.
package enum Programs {
    package struct Result: Sendable {
        /// The exit status, or 128 and the signal's number if a signal ended the program.
        package var status: Int32
        package var output: [UInt8]
        package var errors: String

        package var text: String { String(decoding: output, as: UTF8.self) }
    }

    /// The other end of standard input or output.
    package enum Standard: Sendable {
        case file
        case terminal
        case closed
    }

    /// The folder of the programs: that of the running test bundle, else the package's own build folder.
    package static let folder: String = {
        let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let candidates = [
            (bundle as NSString).deletingLastPathComponent, "\(Fixtures.root)/.build/release",
            "\(Fixtures.root)/.build/debug",
        ]
        return candidates.first { FileManager.default.isExecutableFile(atPath: "\($0)/ld3-noise") } ?? candidates[1]
    }()

    /// Runs one program with arguments and the bytes of its standard input.
    package static func run(
        _ program: String, _ arguments: [String] = [], input: [UInt8] = [], environment: [String: String] = [:],
        standardInput: Standard = .file, standardOutput: Standard = .file, seconds: Double = 300
    ) throws -> Result {
        let path = program.hasPrefix("/") ? program : "\(folder)/\(program)"
        return try spawn(
            path, [program] + arguments, input, environment, standardInput, standardOutput, seconds: seconds)
    }

    /// Runs a script by /bin/sh, with the programs in its PATH.
    package static func shell(
        _ script: String, input: [UInt8] = [], environment: [String: String] = [:], seconds: Double = 300
    ) throws -> Result {
        try spawn("/bin/sh", ["sh", "-c", script], input, environment, .file, .file, seconds: seconds)
    }

    /// Returns whether a command is found in the PATH.
    package static func exists(_ command: String) -> Bool {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
            FileManager.default.isExecutableFile(atPath: "\($0)/\(command)")
        }
    }

    private static func spawn(
        _ path: String, _ words: [String], _ input: [UInt8], _ environment: [String: String], _ standardInput: Standard,
        _ standardOutput: Standard, seconds: Double
    ) throws -> Result {
        let files = try TemporaryFolder()
        try files.write(input, to: "in")
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let terminal = try standardInput == .terminal || standardOutput == .terminal ? openTerminal() : nil
        defer { if let terminal { close(terminal.descriptor) } }
        connect(0, standardInput, files.file("in"), O_RDONLY, terminal?.path, &actions)
        connect(1, standardOutput, files.file("out"), O_WRONLY | O_CREAT, terminal?.path, &actions)
        posix_spawn_file_actions_addopen(&actions, 2, files.file("err"), O_WRONLY | O_CREAT, 0o644)

        var variables = ProcessInfo.processInfo.environment
        variables["PATH"] = "\(folder):\(variables["PATH"] ?? "/usr/bin:/bin")"
        variables["PYTHONDONTWRITEBYTECODE"] = "1"
        variables.merge(environment) { _, new in new }
        let arguments = words.map { strdup($0) } + [nil]
        let settings = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in arguments + settings { free(text) } }
        var child = pid_t()
        let code = posix_spawn(&child, path, &actions, nil, arguments, settings)
        guard code == 0 else { throw ProgramError("cannot start \(path): \(String(cString: strerror(code)))") }
        let status = try wait(for: child, seconds: seconds, path)
        func contents(_ name: String) -> [UInt8] {
            [UInt8](FileManager.default.contents(atPath: files.file(name)) ?? Data())
        }
        return Result(
            status: status, output: contents("out"), errors: String(decoding: contents("err"), as: UTF8.self))
    }

    private static func connect(
        _ descriptor: Int32, _ standard: Standard, _ file: String, _ mode: Int32, _ terminal: String?,
        _ actions: inout posix_spawn_file_actions_t
    ) {
        switch standard {
        case .file: posix_spawn_file_actions_addopen(&actions, descriptor, file, mode, 0o644)
        case .terminal: posix_spawn_file_actions_addopen(&actions, descriptor, terminal ?? "", O_RDWR | O_NOCTTY, 0)
        case .closed: posix_spawn_file_actions_addclose(&actions, descriptor)
        }
    }

    /// Waits for the child and returns its status. Ends a child that takes too long, and throws.
    private static func wait(for child: pid_t, seconds: Double, _ path: String) throws -> Int32 {
        var status: Int32 = 0
        let deadline = Date().addingTimeInterval(seconds)
        while waitpid(child, &status, WNOHANG) == 0 {
            if Date() > deadline {
                kill(child, SIGKILL)
                waitpid(child, &status, 0)
                throw ProgramError("\(path) had not ended after \(seconds) s")
            }
            usleep(2000)
        }
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }

    /// Opens a pseudo-terminal by Linux's own calls: Swift imports no posix_openpt there.
    private static func openTerminal() throws -> (descriptor: Int32, path: String) {
        let (setLock, getNumber): (UInt, UInt) = (0x4004_5431, 0x8004_5430)
        var (unlocked, number): (Int32, UInt32) = (0, 0)
        let descriptor = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard descriptor >= 0, ioctl(descriptor, setLock, &unlocked) == 0, ioctl(descriptor, getNumber, &number) == 0
        else { throw ProgramError("no pseudo-terminal: \(String(cString: strerror(errno)))") }
        return (descriptor, "/dev/pts/\(number)")
    }
}

/// The error of a program that could not be run at all.
package struct ProgramError: Error, CustomStringConvertible {
    private let text: String

    package init(_ text: String) { self.text = text }

    package var description: String { text }
}
