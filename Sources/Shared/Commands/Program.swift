import Diagnostics
import Engine

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The version of every program.
package let version = "0.1.0"

/// Runs a whole program and exits: starts up, parses the command line, answers --help and --version, else runs `body`.
/// The exit status is that of the failure that `body` throws.
package func runProgram(_ command: Command, _ body: (Arguments) throws -> Void) -> Never {
    Startup.openStandardDescriptors()
    Startup.chooseLinearAlgebraKernels(for: command)
    Signals.install()
    let words = Array(CommandLine.arguments.dropFirst())
    do {
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
        let failure = (error as? Failure ?? Failure(.internal, "\(error)")).spellingOptions()
        if failure.status != .readerGone { Reporter(program: command.name).error(failure) }
        exit(failure.status.rawValue)
    }
    exit(ExitStatus.done.rawValue)
}
