import Diagnostics
import Dispatch
import Foundation
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A program that /bin/sh runs, with pipes to its standard input and output. The last 8 KiB of its standard error are kept and
/// not shown. When the last reference goes, its input is closed; if it does not end soon, it is killed.
final class ChildProcess: Sendable {
    /// Our end of its standard input, until `finish`.
    let input: Int32
    /// Our end of its standard output.
    let output: Int32
    private let identifier: pid_t
    private let errors: ErrorTail
    private let state = Mutex(State())

    private struct State {
        var inputIsOpen = true
        /// The status that waitpid gave.
        var waitStatus: Int32?
    }

    /// Starts the command. Throws `inputOutput` if the system gives no pipes or no shell. A command that the shell does not find
    /// ends with status 127, which the first request tells.
    init(command: String) throws {
        let (childInput, input) = try pipeEnds()
        let (output, childOutput) = try pipeEnds()
        let (errorOutput, childError) = try pipeEnds()
        defer { for descriptor in [childInput, childOutput, childError] { close(descriptor) } }
        do {
            identifier = try spawnShell(command, standard: [childInput, childOutput, childError])
        } catch {
            for descriptor in [input, output, errorOutput] { close(descriptor) }
            throw error
        }
        (self.input, self.output) = (input, output)
        errors = ErrorTail(draining: errorOutput)
    }

    /// Closes the child's input and waits at most `seconds` for its end. Returns how it ended, nil if it has not.
    @discardableResult
    func finish(within seconds: Double) -> Int32? {
        closeInput()
        for _ in 0..<max(1, Int(seconds / pollInterval)) {
            if let status = waitStatus(options: WNOHANG) { return status }
            usleep(UInt32(pollInterval * 1e6))
        }
        return waitStatus(options: WNOHANG)
    }

    /// Closes the child's input, waits a little, and returns how it ended with its last words: `exited with status 1, having
    /// written "..." to its standard error`.
    func account() -> String { (finish(within: 2).map(describe(waitStatus:)) ?? "is still running") + lastWords() }

    /// Returns the last lines of its standard error as the end of a sentence; empty if there are none.
    func lastWords() -> String {
        let lines = errors.lastLines(waitingFor: 1)
        return lines.isEmpty ? "" : ", having written \"\(lines)\" to its standard error"
    }

    private func closeInput() {
        state.withLock { state in
            if state.inputIsOpen { close(input) }
            state.inputIsOpen = false
        }
    }

    private func waitStatus(options: Int32) -> Int32? {
        state.withLock { state in
            if let known = state.waitStatus { return known }
            var status: Int32 = 0
            if waitpid(identifier, &status, options) == identifier { state.waitStatus = status }
            return state.waitStatus
        }
    }

    deinit {
        close(output)
        if finish(within: 2) != nil { return }
        kill(identifier, SIGTERM)
        if finish(within: 1) != nil { return }
        kill(identifier, SIGKILL)
        _ = waitStatus(options: 0)
    }
}

private let pollInterval = 0.005

private func describe(waitStatus: Int32) -> String {
    let signal = waitStatus & 0x7f
    return signal == 0
        ? "exited with status \(waitStatus >> 8 & 0xff)" : "was ended by signal \(signal) (\(signalName(signal)))"
}

private func signalName(_ signal: Int32) -> String { strsignal(signal).map { String(cString: $0).lowercased() } ?? "?" }

/// Returns the read and the write end of a pipe. Children do not inherit them, and none has a number from 0 to 2, which
/// `spawnShell` fills.
private func pipeEnds() throws -> (read: Int32, write: Int32) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw Failure(.inputOutput, place: "pipe", systemError()) }
    let moved = ends.map { fcntl($0, F_DUPFD_CLOEXEC, 3) }
    let code = errno
    for end in ends { close(end) }
    guard moved.allSatisfy({ $0 >= 0 }) else {
        for end in moved where end >= 0 { close(end) }
        throw Failure(.inputOutput, place: "pipe", systemError(code))
    }
    return (moved[0], moved[1])
}

/// Starts `/bin/sh -c command` with `standard` as its descriptors 0, 1 and 2, with SIGPIPE at its default and no signal
/// blocked.
private func spawnShell(_ command: String, standard: [Int32]) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
        posix_spawn_file_actions_destroy(&actions)
        posix_spawnattr_destroy(&attributes)
    }
    for (number, descriptor) in standard.enumerated() {
        posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
    }
    var (defaults, mask) = (sigset_t(), sigset_t())
    sigemptyset(&defaults)
    sigemptyset(&mask)
    sigaddset(&defaults, SIGPIPE)
    posix_spawnattr_setsigdefault(&attributes, &defaults)
    posix_spawnattr_setsigmask(&attributes, &mask)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

    // The child gets our environment without LD3_MODEL, which may be the child itself. Start-up has already taken its own
    // OPENBLAS_CORETYPE out of it.
    var identifier: pid_t = 0
    let variables = ProcessInfo.processInfo.environment.filter { $0.key != "LD3_MODEL" }.map { "\($0.key)=\($0.value)" }
    let code = withCStrings(["/bin/sh", "-c", command]) { arguments in
        withCStrings(variables) { posix_spawn(&identifier, "/bin/sh", &actions, &attributes, arguments, $0) }
    }
    guard code == 0 else { throw Failure(.inputOutput, place: "/bin/sh", systemError(code)) }
    return identifier
}

/// Runs `body` with `strings` as a null-terminated array of C strings.
private func withCStrings<Result>(
    _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
) -> Result {
    let copies = strings.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    return body(copies + [nil])
}

/// Keeps the end of the text that a descriptor brings. A thread of its own reads it, so that the writer never waits.
private final class ErrorTail: Sendable {
    private static let limit = 8 << 10
    private let bytes = Mutex<[UInt8]>([])
    private let ended = DispatchSemaphore(value: 0)

    /// Reads the descriptor to its end and closes it.
    init(draining descriptor: Int32) {
        // A queue of its own gets a thread even if the shared ones are all busy.
        DispatchQueue(label: "standard error of a child").async { [self] in
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = read(descriptor, &buffer, buffer.count)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { break }
                bytes.withLock { $0 = ($0 + buffer[..<count]).suffix(Self.limit) }
            }
            close(descriptor)
            ended.signal()
        }
    }

    /// Waits until the writer has closed, at most `seconds`, and returns the last three lines that are not empty, joined by
    /// " | ".
    func lastLines(waitingFor seconds: Double) -> String {
        if ended.wait(timeout: .now() + seconds) == .success { ended.signal() }
        let text = bytes.withLock { String(decoding: $0, as: UTF8.self) }
        let lines = text.split(whereSeparator: \.isNewline).map { line in
            String(line.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? " " : Character($0) })
        }
        return lines.filter { $0.contains { !$0.isWhitespace } }.suffix(3).joined(separator: " | ")
    }
}
