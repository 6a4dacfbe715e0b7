import Diffusion
import Schedules

/// A discretization that a fit may start from.
package struct Start: Sendable, Equatable {
    package var name: String
    package var times: [Double]
    /// Nil if the model is asked at `times`.
    package var modelTimes: [Double]?

    package init(name: String, times: [Double], modelTimes: [Double]? = nil) {
        self.name = name
        self.times = times
        self.modelTimes = modelTimes
    }

    package init(name: String, _ schedule: Schedule) {
        self.init(name: name, times: schedule.times, modelTimes: schedule.modelTimes)
    }

    /// Returns this start with the ends that every fit's schedules have: those of the process. If it has another number
    /// of steps, its times are interpolated.
    package func fitted(to process: NoiseProcess, steps: Int) -> Start {
        let start = spanning(process)
        return start.times.count == steps + 1
            ? start : Start(name, interpolating: start.times, steps: steps, process: process)
    }

    package func spanning(_ process: NoiseProcess) -> Start {
        func pinned(_ times: [Double]) -> [Double] { [process.start] + times.dropFirst().dropLast() + [process.end] }
        return Start(name: name, times: pinned(times), modelTimes: modelTimes.map(pinned))
    }

    /// Interpolates lambda linearly over i / N, or t if lambda is infinite at an end (docs/methods/ld3.md, "Starts").
    package init(_ name: String, interpolating times: [Double], steps: Int, process: NoiseProcess) {
        let isFinite = process.hasFiniteLogSNR
        let levels = times.map { isFinite ? process.lambda($0) : $0 }
        var result = (0...steps).map { index in
            let place = Double(index) * Double(times.count - 1) / Double(steps)
            let lower = min(Int(place), times.count - 2)
            let level = levels[lower] + (place - Double(lower)) * (levels[lower + 1] - levels[lower])
            return isFinite ? process.time(lambda: level) : level
        }
        result[0] = process.start
        result[steps] = process.end
        self.init(name: name, times: result)
    }
}

/// A start with its hard losses on the first validation pairs: on fewer than all if it had lost by then.
package struct RatedStart: Sendable, Equatable {
    package let start: Start
    package let losses: [Double]

    package init(start: Start, losses: [Double]) {
        self.start = start
        self.losses = losses
    }

    package var loss: Double { mean(losses) }
    package var pairs: Int { losses.count }

    /// Whether the mean loss exceeds the leader's on the same pairs by more than three standard errors of the difference.
    ///
    /// Comparing pair by pair removes the variation that comes from the pairs. For eight pairs and equal starts this happens
    /// about once in a hundred times.
    package func isClearlyBehind(_ leader: RatedStart) -> Bool {
        guard loss.isFinite else { return true }
        let differences = zip(losses, leader.losses).map { $0 - $1 }
        let middle = mean(differences)
        let squares = differences.reduce(0) { $0 + ($1 - middle) * ($1 - middle) }
        let count = Double(differences.count)
        return middle > 3 * (squares / (count - 1) / count).squareRoot()
    }
}
