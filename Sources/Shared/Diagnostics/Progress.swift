import Synchronization

/// The state of a long piece of work: count, rate and time left. A `Reporter` shows it a few times a second on a
/// terminal, and every ten seconds elsewhere.
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

    /// - Parameters:
    ///   - what: the work: "teaching".
    ///   - unit: the things that are counted: "samples".
    ///   - total: the number of them; nil if it is not known.
    package init(_ reporter: Reporter, _ what: String, unit: String, total: Int?) {
        (self.reporter, self.what, self.unit, self.total) = (reporter, what, unit, total)
        let isTerminal = Descriptor.isTerminal(Descriptor.standardError)
        interval = isTerminal ? .milliseconds(200) : .seconds(10)
    }

    /// Counts `count` more as done, and shows `detail` ("loss 0.012") behind the figures.
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

    /// Ends the work, and clears the terminal's line.
    package func finish() { reporter.clearProgress() }

    private func describe(done: Int, detail: String, elapsed: Duration) -> String {
        let seconds = max(elapsed / .seconds(1), 1e-9)
        let rate = Double(done) / seconds
        var parts = ["\(what) \(done)\(total.map { "/\($0)" } ?? "") \(unit)", "\(Self.rounded(rate))/s"]
        if let total, done > 0, done < total { parts.append("\(Self.time(Double(total - done) / rate)) left") }
        if !detail.isEmpty { parts.append(detail) }
        return parts.joined(separator: ", ")
    }

    /// Returns the rate in three digits: without decimals from 100 on, with one decimal from 10 on.
    private static func rounded(_ rate: Double) -> String {
        rate >= 100 ? decimal(rate, places: 0) : decimal(rate, atMost: rate >= 10 ? 1 : 2)
    }

    private static func time(_ seconds: Double) -> String {
        let total = Int(seconds.rounded(.up))
        let (hours, minutes, rest) = (total / 3600, total / 60 % 60, total % 60)
        if hours > 0 { return "\(hours) h \(minutes) min" }
        return minutes > 0 ? "\(minutes) min \(rest) s" : "\(rest) s"
    }
}
