#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What a program does with signals: a reader that goes is an error of `write`, an interruption leaves no file behind.
package enum Signals {
    /// Call once, before any thread is started.
    ///
    /// SIGPIPE is ignored. SIGINT ends with status 130, SIGTERM and SIGHUP by themselves, after unfinished files
    /// are removed; those that the parent ignores stay ignored (nohup, background jobs).
    package static func install() {
        signal(SIGPIPE, SIG_IGN)
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        // A handler may hardly do more than write: a thread waits at the other end of the pipe.
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
