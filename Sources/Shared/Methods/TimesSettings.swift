import Diagnostics
import Diffusion
import Fitting
import Options

/// How times are parameterized, in every method that learns them.
package struct TimesSettings: Sendable {
    /// Nil for the paper's choice: lambda on EDM's process, time on the others.
    package var mode: Parameterization.Mode?
    package var isTied = false
    package var windowRate = 0.5
    /// Whether the window is taken from the logits, as the reference does in lambda mode.
    package var windowOfLogits = false

    package init() {}

    package static let options = OptionGroup(
        "times", topic: "training",
        [
            .number("window", in: 0...0.5, "share of the smallest step that a model time may move [0.5]"),
            .choice(
                "mode", cases: Parameterization.Mode.self,
                "variable of the softmax, lambda or time [lambda on EDM's process, else time]"),
            .flag("compat-window", "the window of the model times as the official code takes it"),
        ])

    /// The names of the options that are read.
    static let names = Set(options.options.map(\.name) + ["tied"])

    package init(_ values: any OptionValues) throws {
        if values.isGiven("mode") { mode = try values.choice("mode", Parameterization.Mode.self) }
        windowRate = values.doubleIfGiven("window") ?? windowRate
        isTied = values.flag("tied")
        windowOfLogits = values.flag("compat-window")
    }

    /// Whether the schedule will be asked at its own times.
    package var keepsModelTimes: Bool { isTied || windowRate == 0 }

    /// Throws `usage` if lambda mode is asked for on a process whose lambda is infinite at an end.
    ///
    /// - Parameter tied: whether model times cannot be told, whatever is asked for.
    package func family(_ process: NoiseProcess, _ budget: Budget, tied: Bool = false) throws -> TimesFamily {
        guard mode != .lambda || process.hasFiniteLogSNR else {
            throw Failure(
                .usage, place: "mode lambda",
                "needs a finite log-SNR at both ends, which \(process.spelling) lacks", suggestion: "use time")
        }
        var parameterization = Parameterization(
            process: process, steps: budget.steps, mode: mode ?? (process.learnsInLogSNR ? .lambda : .time))
        parameterization.windowRate = windowRate
        parameterization.windowOfLogits = windowOfLogits
        return TimesFamily(solver: budget.solver, parameterization: parameterization, isTied: isTied || tied)
    }
}
