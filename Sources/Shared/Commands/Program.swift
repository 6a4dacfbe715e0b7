import Diagnostics
import Engine
import Solvers

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The version of every program. docs/STREAM.md, "What a version promises", tells when it rises.
package let version = "0.2.0"

/// Runs a whole program and exits: starts up, parses the command line, answers --help and --version, else runs `body`.
/// The exit status is that of the failure that `body` throws.
package func runProgram(_ command: Command, _ body: (Arguments) throws -> Void) -> Never {
    Startup.openStandardDescriptors()
    Startup.chooseLinearAlgebraKernels(for: command)
    Signals.install()
    do {
        let words = try Startup.words()
        if let text = try command.information(askedForBy: words) {
            try Descriptor.write(Descriptor.standardOutput, text)
        } else {
            try body(try Arguments(parsing: words, for: command))
            if let profile = Profile.shared.report {
                try Descriptor.write(Descriptor.standardError, "\(command.name): network time\n\(profile)\n")
            }
        }
        try Descriptor.close(Descriptor.standardOutput)
    } catch {
        Publishing.removeUnfinished()
        exit(told(error, by: command).rawValue)
    }
    exit(ExitStatus.done.rawValue)
}

/// Tells the user what ended the program, and returns the exit status.
private func told(_ error: any Error, by command: Command) -> ExitStatus {
    let reporter = Reporter(program: command.name)
    switch error {
    case let breakdown as any Breakdown:
        reporter.error("\(breakdown)")
        return breakdown.status
    case let failure as Failure:
        if failure.status != .readerGone { reporter.error("\(failure.spellingOptions(of: command))") }
        return failure.status
    default:
        reporter.error("\(error)")
        return .internal
    }
}
