import Diagnostics
import Foundation
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Measures the engine if the environment has LD3_PROFILE=1, and nothing otherwise: run time and speed by kind of
/// layer, the time taken to lay out weights, and the most memory held.
///
/// Times are wall times of whole operations. If images run side by side, each on its own thread, times are summed over
/// threads, and GFLOP/s are those of one thread. GFLOP/s count the operations of a direct computation, whatever the
/// kernel.
package final class Profile: Sendable {
    package static let shared = Profile()
    private let enabled = ProcessInfo.processInfo.environment["LD3_PROFILE"] == "1"
    private let state = Mutex(State())

    private struct State {
        var layers: [LayerKind: (seconds: Double, operations: Double)] = [:]
        var layoutSeconds = 0.0
        var memory: [FloatBuffer.Purpose: (held: Int, most: Int)] = [:]
    }

    /// - Parameter multiplications: multiply-adds of a direct computation of `body`.
    @inline(__always)
    func measure(_ kind: LayerKind, multiplications: @autoclosure () -> Int, _ body: () -> Void) {
        guard enabled else { return body() }
        let elapsed = Self.time(body)
        let operations = 2 * Double(multiplications())
        state.withLock {
            let before = $0.layers[kind] ?? (0, 0)
            $0.layers[kind] = (before.seconds + elapsed, before.operations + operations)
        }
    }

    func measureLayout(_ body: () -> Void) {
        guard enabled else { return body() }
        let elapsed = Self.time(body)
        state.withLock { $0.layoutSeconds += elapsed }
    }

    /// Counts bytes that are taken, or given back if negative.
    func count(_ purpose: FloatBuffer.Purpose, bytes: Int) {
        guard enabled else { return }
        state.withLock {
            let before = $0.memory[purpose] ?? (0, 0)
            $0.memory[purpose] = (before.held + bytes, max(before.most, before.held + bytes))
        }
    }

    private static func time(_ body: () -> Void) -> Double {
        let start = now()
        body()
        return now() - start
    }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
    }

    /// One line for each kind of layer, the slowest first, then their sum, the layout of weights and the memory; nil if
    /// nothing was measured.
    package var report: String? {
        let measured = state.withLock { $0 }
        let total = measured.layers.values.reduce((0, 0)) { ($0.0 + $1.seconds, $0.1 + $1.operations) }
        guard total.0 > 0 else { return nil }
        func line(_ seconds: Double, _ operations: Double, _ name: String) -> String {
            let speed = operations > 0 ? decimal(1e-9 * operations / seconds, places: 0, width: 5) + " GFLOP/s" : ""
            let share = decimal(100 * seconds / total.0, places: 1, width: 5)
            return "\(share) %  \(decimal(seconds, places: 3, width: 8)) s  \(speed.aligned(right: 13))  \(name)"
        }
        let layers = measured.layers.sorted { $0.value.seconds > $1.value.seconds }
        var lines = layers.map { line($1.seconds, $1.operations, $0.rawValue) }
        lines.append(line(total.0, total.1, "together"))
        lines.append(decimal(measured.layoutSeconds, places: 3) + " s laying out weights")
        for (purpose, bytes) in measured.memory.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            lines.append(decimal(1e-6 * Double(bytes.most), places: 1) + " MB at most of " + purpose.rawValue)
        }
        return lines.joined(separator: "\n")
    }
}
