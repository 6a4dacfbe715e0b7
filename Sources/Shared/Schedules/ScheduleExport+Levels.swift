import Diagnostics
import Diffusion

extension ScheduleExport {
    /// Throws a usage failure if no schedule of `steps` steps over the whole process could be exported, so that this is known
    /// before one is fitted.
    package func check(process: NoiseProcess, steps: Int) throws {
        func refuse(_ message: String, _ suggestion: String? = nil) -> Failure {
            Failure(.usage, place: "export \(format.rawValue)", message, suggestion: suggestion)
        }
        guard process.hasNoiseLevels || !format.needsNoiseLevels else {
            throw refuse("the sampler's times have no noise levels", "export json, all or npy")
        }
        if format == .diffusersTimesteps {
            guard process.timestep(process.start) != nil else {
                throw refuse(
                    "needs a process with time steps, vp-discrete or flow, not \(process.spelling)",
                    "export diffusers-sigmas")
            }
            if let table = process.table, steps >= table.count {
                throw refuse("the process has \(table.count) time steps, too few for \(counted(steps, "step"))")
            }
        }
        if format.listsSigmas {
            try check(first: process.listedSigma(process.start), last: process.listedSigma(process.end), steps: steps)
        }
        if let range, process.startsWithoutSignal, range.upperBound > 1 {
            throw Failure(
                .usage, place: "sigma range",
                "\(range.upperBound) is no sigma of \(process.spelling), where 1 is noise alone")
        }
    }

    /// Throws a usage failure if levels from `first` to `last` cannot be changed as is asked for.
    private func check(first: Double, last: Double, steps: Int) throws {
        if let resampledSteps, last == 0, resampledSteps < 2, steps > 1 {
            throw Failure(.usage, place: "resampled steps", "a list that ends at 0 needs at least 2 steps")
        }
        if last == 0, steps < 2 {
            if range != nil { throw Failure(.usage, place: "sigma range", "a single step to 0 cannot be rescaled") }
            if let resampledSteps, resampledSteps != steps {
                throw Failure(.usage, place: "resampled steps", "a single step to 0 cannot be interpolated")
            }
        }
        let (low, high) = (last == 0 ? 0 : range?.lowerBound ?? last, range?.upperBound ?? first)
        // A level that was rounded when it was printed is that level, not one more step.
        if let start = firstSigma, !(start <= high * (1 + 1e-6) && start > low * (1 + 1e-6)) {
            throw Failure(.usage, place: "first sigma", "\(start) is not within the schedule's \(high) to \(low)")
        }
        let top = firstSigma ?? high
        if let cut = cutSigma, !(cut < top * (1 - 1e-6) && cut > low * (1 + 1e-6)) {
            throw Failure(.usage, place: "cut sigma", "\(cut) is not between the list's ends, \(top) and \(low)")
        }
    }

    /// Returns the list of noise levels, or the two parts into which it is cut, changed as is asked for, the last level before
    /// a 0 replaces or follows it, and notes about the changes.
    func levels(_ schedule: Schedule) throws -> (lists: [[Double]], last: Double, notes: [String]) {
        var levels = schedule.times.map { schedule.process.listedSigma($0) }
        try check(first: levels[0], last: levels[schedule.steps], steps: schedule.steps)
        var notes: [String] = []
        if let range {
            levels = rescaled(levels, to: range)
            notes.append("rescaled to sigma \(range.upperBound) to \(range.lowerBound), which is not what was learned")
        }
        if let steps = resampledSteps {
            levels = resampled(levels, steps: steps)
            notes.append("interpolated, not learned for this number of steps")
        }
        if let start = firstSigma {
            levels = [start] + levels.filter { $0 < start * (1 - 1e-6) }
            notes.append("for a start with noise \(start), which it was not learned for")
        }
        let last = levels[levels.count - 1]
        guard let cut = cutSigma else { return ([terminated(levels)], last, notes) }
        let parts = parts(of: levels, cutAt: cut)
        notes.append(parts.note)
        return ([parts.high, terminated(parts.low)], last, notes)
    }

    /// Returns the levels at other places of the same line in log sigma. A last 0 stays.
    private func rescaled(_ levels: [Double], to range: ClosedRange<Double>) -> [Double] {
        let positive = levels.filter { $0 > 0 }.map { Double.log($0) }
        let (high, low) = (Double.log(range.upperBound), Double.log(range.lowerBound))
        let (first, last) = (positive[0], positive[positive.count - 1])
        guard first > last else { return [range.upperBound] + levels.dropFirst() }
        let inner = positive.dropFirst().dropLast().map {
            Double.exp(low + ($0 - last) / (first - last) * (high - low))
        }
        return [range.upperBound] + inner + [range.lowerBound] + levels.dropFirst(positive.count)
    }

    /// Returns the levels, interpolated linearly in log sigma. A last step to 0, whose logarithm is infinite, stays the last
    /// step.
    private func resampled(_ levels: [Double], steps: Int) -> [Double] {
        let positive = levels.filter { $0 > 0 }
        guard positive.count > 1 else { return levels }
        let inner = steps - (levels.count - positive.count)
        return [positive[0]] + TabulatedSchedule.interpolated(positive, steps: inner).dropFirst().dropLast()
            + [positive[positive.count - 1]] + levels.dropFirst(positive.count)
    }

    /// Returns the levels from the first down to the first one that is not above `cut`, and those from there on. If only the
    /// last level is not above it, both parts meet at `cut` itself.
    private func parts(
        of levels: [Double], cutAt cut: Double
    ) -> (high: [Double], low: [Double], note: String) {
        let index = levels.firstIndex { $0 <= cut * (1 + 1e-6) } ?? levels.count - 1
        let use = "the first list is for the model of the high noise, the second goes on with the other"
        guard index == levels.count - 1 else {
            return (
                Array(levels[...index]), Array(levels[index...]),
                "cut at sigma \(decimal(levels[index], atMost: 12)): \(use)"
            )
        }
        return (
            levels.dropLast() + [cut], [cut, levels[index]],
            "cut at sigma \(cut), where there was no level, so that there is one step more: \(use)"
        )
    }

    private func terminated(_ levels: [Double]) -> [Double] {
        switch terminal {
        case .keep: levels
        case .replaceZero: levels.dropLast() + [0]
        case .appendZero: levels.last == 0 ? levels : levels + [0]
        }
    }
}
