import Diffusion
import Tensors

/// LD3's trainable parameters and the two lists of times that they stand for (paper, Sec. 4.3).
///
/// `xi` and `modelTimeParameters` (the paper's xi^c) hold N + 1 values each. `xi[0]` is dead, and a common shift of the
/// others changes nothing: N - 1 degrees of freedom. The model time parameters at both ends are masked.
package struct Parameterization: Sendable {
    /// The variable in which the steps are a softmax of `xi`.
    package enum Mode: String, Sendable, CaseIterable {
        case time
        case lambda
    }

    package let process: NoiseProcess
    package let steps: Int
    package let mode: Mode
    /// The model times move at most this share of the smallest gap.
    package var windowRate = 0.5
    /// Whether the window in lambda mode is taken from the raw logits, as the reference does.
    package var windowOfLogits = false

    package init(process: NoiseProcess, steps: Int, mode: Mode) {
        precondition(steps >= 1)
        self.process = process
        self.steps = steps
        self.mode = mode
    }

    /// Returns the times t, N + 1 values from T down to t_min, ends exact.
    package func times<T: Real>(_ xi: [T]) -> [T] { levels(xi).map(time(ofLevel:)).pinned(to: process) }

    /// Returns the times and the model times, exact at both ends and never increasing.
    ///
    /// The window is a constant for differentiation and the clamp has derivative 1 on its bounds
    /// (docs/methods/ld3.md, "Model times").
    package func timeLists<T: Real>(_ xi: [T], _ modelTimeParameters: [T]) -> (times: [T], modelTimes: [T]) {
        precondition(modelTimeParameters.count == steps + 1)
        let levels = levels(xi)
        let window = window(levels: levels.map(\.value), xi: xi.map(\.value))
        let moved = zip(levels, modelTimeParameters).map { level, shift in
            level + clamp(shift, to: window)
        }
        return (levels.map(time(ofLevel:)).pinned(to: process), moved.map(time(ofLevel:)).pinned(to: process))
    }

    /// Returns `xi` of given times by the closed-form inverse, with mean 1 over the live entries.
    package func inverse(times: [Double]) -> [Double] {
        precondition(times.count == steps + 1)
        let values = times.map { mode == .time ? $0 : process.lambda($0) }
        let gaps = zip(values.dropFirst(), values).map { abs($0 - $1) }
        let logits = (mode == .time ? gaps.reversed() : gaps).map { Double.log($0) }
        let mean = logits.reduce(0, +) / Double(steps)
        return [1] + logits.map { $0 - mean + 1 }
    }

    /// Returns the shifts of given model times from given times. Shifts outside the window are cut when they are
    /// read.
    package func inverse(modelTimes: [Double], times: [Double]) -> [Double] {
        precondition(times.count == steps + 1 && modelTimes.count == steps + 1)
        return zip(modelTimes, times).enumerated().map { index, pair in
            if index == 0 || index == steps { return 0 }
            return mode == .time ? pair.0 - pair.1 : process.lambda(pair.0) - process.lambda(pair.1)
        }
    }

    /// Returns the bound on the moves of the model times at `xi`.
    package func window(_ xi: [Double]) -> Double { window(levels: levels(xi), xi: xi) }

    // MARK: - Parts

    /// Returns times, or lambdas, from the start (docs/methods/ld3.md, "Times").
    private func levels<T: Real>(_ xi: [T]) -> [T] {
        precondition(xi.count == steps + 1)
        let live = xi.dropFirst()
        let largest = live.map(\.value).max() ?? 0
        let weights = live.map { T.exp($0 - largest) }
        let total = weights.dropFirst().reduce(weights[0]) { $0 + $1 }
        let low = mode == .time ? process.end : process.lambda(process.start)
        let high = mode == .time ? process.start : process.lambda(process.end)
        var sums: [T] = [T(0)]
        for weight in weights { sums.append(sums[sums.count - 1] + weight) }
        let rising = sums.map { sum in low + (high - low) * (sum / total) }
        return mode == .time ? rising.reversed() : rising
    }

    private func time<T: Real>(ofLevel level: T) -> T { mode == .time ? level : process.time(lambda: level) }

    private func window(levels: [Double], xi: [Double]) -> Double {
        let values = mode == .lambda && windowOfLogits ? xi : levels
        let smallest = zip(values.dropFirst(), values).map { abs($0 - $1) }.min() ?? 0
        return windowRate * smallest
    }

    private func clamp<T: Real>(_ shift: T, to window: Double) -> T {
        shift.value > window ? T(window) : shift.value < -window ? T(-window) : shift
    }
}

extension Array where Element: Real {
    /// These times with ends that are exact and constant.
    fileprivate func pinned(to process: NoiseProcess) -> [Element] {
        [Element(process.start)] + dropFirst().dropLast() + [Element(process.end)]
    }
}
