import Diagnostics

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The work before a program's first own line, while it has one thread and has read nothing.
package enum Startup {
    /// Gives closed standard descriptors a file that cannot be read or written as the descriptor should be. Otherwise a
    /// file that is opened later would take the place, and output would be lost in silence.
    static func openStandardDescriptors() {
        for (descriptor, mode) in [(Int32(0), O_WRONLY), (1, O_RDONLY), (2, O_RDONLY)] {
            if fcntl(descriptor, F_GETFD) < 0, errno == EBADF { _ = open("/dev/null", mode) }
        }
    }

    /// Returns the words of the command line behind the program's name. Throws `usage` if one is no text in UTF-8: it could
    /// not be passed on as it is.
    static func words() throws -> [String] {
        try CommandLine.arguments.enumerated().dropFirst().map { index, repaired in
            guard let bytes = CommandLine.unsafeArgv[index], String(validatingCString: bytes) != nil else {
                throw Failure(.usage, place: repaired.quoted(limit: 80), "argument \(index) is no text in UTF-8")
            }
            return repaired
        }
    }

    /// Sees to fast OpenBLAS kernels. OpenBLAS chooses its kernels when it is loaded and does not know newer processors:
    /// if the processor has 512-bit vectors and the user has chosen nothing, the program starts itself again with the
    /// choice made. Neither the choice nor the mark against starting twice is handed to children.
    static func chooseLinearAlgebraKernels(for command: Command) {
        #if os(Linux) && arch(x86_64)
            let wasStartedAgain = getenv(mark) != nil
            if startsAgain(command, hasChosen: wasStartedAgain || getenv(choice) != nil, hasWideVectors()) {
                setenv(mark, "1", 1)
                setenv(choice, "SKYLAKEX", 1)
                execute()
            } else if !wasStartedAgain {
                return
            }
            unsetenv(mark)
            unsetenv(choice)
        #endif
    }

    /// Returns whether the program of `command` is to start itself again: only if it calls OpenBLAS, whose kernels nobody
    /// `hasChosen`, on a processor with 512-bit vectors.
    package static func startsAgain(
        _ command: Command, hasChosen: Bool, _ hasWideVectors: @autoclosure () -> Bool
    ) -> Bool {
        command.usesLinearAlgebra && !hasChosen && hasWideVectors()
    }

    private static let (mark, choice) = ("LD3_STARTED_AGAIN", "OPENBLAS_CORETYPE")

    #if os(Linux)
        /// Returns whether the first processor's flags name the vector extensions that those kernels use.
        private static func hasWideVectors() -> Bool {
            guard let descriptor = try? Descriptor.open("/proc/cpuinfo") else { return false }
            defer { close(descriptor) }
            let text = [UInt8](unsafeUninitializedCapacity: 1 << 14) { buffer, count in
                count = (try? Descriptor.read(descriptor, into: UnsafeMutableRawBufferPointer(buffer))) ?? 0
            }
            let flags = String(decoding: text, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("flags") }
            let words = Set((flags ?? "").split(separator: " "))
            return words.isSuperset(of: ["avx512f", "avx512bw", "avx512dq", "avx512vl"])
        }

        /// Replaces the program by itself. Returns only if that is not possible.
        private static func execute() {
            var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
            guard readlink("/proc/self/exe", &buffer, buffer.count - 1) > 0 else { return }
            execve(buffer, CommandLine.unsafeArgv, environ)
        }
    #endif
}

/// Returns the number of processors that this process may use: those at hand within its affinity, which schedulers of
/// clusters set.
func coreCount() -> Int {
    let online = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    #if os(Linux)
        if let status = try? Descriptor.contents(of: "/proc/self/status") {
            let lines = String(decoding: status, as: UTF8.self).split(separator: "\n")
            let mask = lines.first { $0.hasPrefix("Cpus_allowed:") }?.dropFirst("Cpus_allowed:".count) ?? ""
            let cores = mask.reduce(0) { $0 + ($1.hexDigitValue ?? 0).nonzeroBitCount }
            if cores > 0 { return min(cores, online) }
        }
    #endif
    return online
}
