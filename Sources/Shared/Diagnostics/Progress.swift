import Synchronization

/// How far a piece of work has come: count, rate and time left, shown by a `Reporter` a few times a second on a
/// terminal and every ten seconds elsewhere.
package final class Progress: Sendable {
    private struct State {
        var done = 0
        var detail = ""
        var lastShown: ContinuousClock.Instant?
    }

    private let reporter: Reporter
    private let what: String
    private let unit: String
    private let total: Int?
    private let start = ContinuousClock.now
    private let interval: Duration
    private let state = Mutex(State())

    /// `what` is the work ("teaching"), `unit` what is counted ("samples"), `total` how many where that is known.
    package init(_ reporter: Reporter, _ what: String, unit: String, total: Int?) {
        (self.reporter, self.what, self.unit, self.total) = (reporter, what, unit, total)
        let isTerminal = Descriptor.isTerminal(Descriptor.standardError)
        interval = isTerminal ? .milliseconds(200) : .seconds(10)
    }

    /// `count` more are done; `detail` is shown behind ("loss 0.012").
    package func advance(by count: Int = 1, _ detail: String = "") {
        guard reporter.showsProgress else { return }
        let now = ContinuousClock.now
        let text: String? = state.withLock { state in
            state.done += count
            state.detail = detail
            let isDue = now - (state.lastShown ?? start) >= interval
            guard isDue || state.done == total else { return nil }
            state.lastShown = now
            return describe(done: state.done, detail: detail, elapsed: now - start)
        }
        if let text { reporter.showProgress(text) }
    }

    /// The work is over; a terminal's line is cleared.
    package func finish() { reporter.clearProgress() }

    private func describe(done: Int, detail: String, elapsed: Duration) -> String {
        let seconds = max(elapsed / .seconds(1), 1e-9)
        let rate = Double(done) / seconds
        var parts = ["\(what) \(done)\(total.map { "/\($0)" } ?? "") \(unit)", "\(Self.rounded(rate))/s"]
        if let total, done > 0, done < total { parts.append("\(Self.time(Double(total - done) / rate)) left") }
        if !detail.isEmpty { parts.append(detail) }
        return parts.joined(separator: ", ")
    }

    /// Three digits, at most one of them after the point from ten on.
    private static func rounded(_ rate: Double) -> String {
        let scale: Double = rate >= 100 ? 1 : rate >= 10 ? 10 : 100
        let value = (rate * scale).rounded() / scale
        return scale == 1 ? "\(Int(value))" : "\(value)"
    }

    private static func time(_ seconds: Double) -> String {
        let total = Int(seconds.rounded(.up))
        let (hours, minutes, rest) = (total / 3600, total / 60 % 60, total % 60)
        if hours > 0 { return "\(hours) h \(minutes) min" }
        return minutes > 0 ? "\(minutes) min \(rest) s" : "\(rest) s"
    }
}
