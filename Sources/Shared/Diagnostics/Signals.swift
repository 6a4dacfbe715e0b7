#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Handles signals: a reader that goes becomes an error of `write`, and an interruption leaves no unfinished file.
package enum Signals {
    /// Installs the handlers; to be called once, before any thread is started.
    ///
    /// SIGPIPE and SIGXFSZ (a file beyond the limit of its size) are ignored, so that writing fails. SIGINT, SIGTERM and SIGHUP remove unfinished files; then SIGINT ends the program with status
    /// 130, and the other two as they do by default. Signals that the parent ignores (nohup, background jobs) stay
    /// ignored.
    package static func install() {
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        // A handler may do little more than write, so a thread does the work at the other end of the pipe.
        wakeEnd = ends[1]
        startWaiting(at: ends[0])
        for number in [SIGINT, SIGTERM, SIGHUP] where !isIgnored(number) {
            signal(number) { number in
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(Signals.wakeEnd, &byte, 1)
            }
        }
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0 else { return false }
        #if canImport(Glibc)
            let handler = action.__sigaction_handler.sa_handler
        #else
            let handler = action.__sigaction_u.__sa_handler
        #endif
        return unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
    }

    private static func startWaiting(at end: Int32) {
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { argument in
                var number: UInt8 = 0
                let end = Int32(Int(bitPattern: argument))
                while read(end, &number, 1) < 0, errno == EINTR {}
                Publishing.removeUnfinished()
                if Int32(number) == SIGINT { _exit(ExitStatus.interrupted.rawValue) }
                signal(Int32(number), SIG_DFL)
                kill(getpid(), Int32(number))
                return nil
            }, UnsafeMutableRawPointer(bitPattern: Int(end)))
        pthread_detach(thread)
    }

    // Written once, before the handlers that read it are installed.
    nonisolated(unsafe) private static var wakeEnd: Int32 = -1
}
