import Foundation
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Run time by kind of layer, summed over threads where images run side by side; measured only under LD3_PROFILE=1.
package final class Profile: Sendable {
    package static let shared = Profile()
    private let enabled = ProcessInfo.processInfo.environment["LD3_PROFILE"] == "1"
    private let seconds = Mutex<[LayerKind: Double]>([:])

    @inline(__always)
    func measure(_ kind: LayerKind, _ body: () -> Void) {
        guard enabled else { return body() }
        let start = Self.now()
        body()
        let elapsed = Self.now() - start
        seconds.withLock { $0[kind, default: 0] += elapsed }
    }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
    }

    /// One line a kind, the largest first; nil where nothing was measured.
    package var report: String? {
        let measured = seconds.withLock { $0 }
        let total = measured.values.reduce(0, +)
        guard total > 0 else { return nil }
        return measured.sorted { $0.value > $1.value }.map { kind, time in
            let share = String(format: "%5.1f %%  %8.3f s", 100 * time / total, time)
            return "\(share)  \(kind.rawValue)"
        }.joined(separator: "\n")
    }
}
