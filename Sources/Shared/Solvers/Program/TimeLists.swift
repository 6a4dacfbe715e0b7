import Diagnostics

/// Times t_0 ... t_N along which a sampler runs, which fall, and the model times that its network is told, as many.
package struct TimeLists: Sendable, Equatable {
    package var times: [Double]
    package var modelTimes: [Double]

    /// - Parameter modelTimes: nil if the network is told the times themselves.
    package init(times: [Double], modelTimes: [Double]? = nil) {
        precondition(times.count >= 2 && modelTimes.map { $0.count == times.count } ?? true)
        self.times = times
        self.modelTimes = modelTimes ?? times
    }

    package var steps: Int { times.count - 1 }

    /// Returns how many steps, from the first on, are the same as those of `other`.
    package func sharedSteps(with other: TimeLists) -> Int {
        guard times[0] == other.times[0] else { return 0 }
        var shared = 0
        while shared < min(steps, other.steps), times[shared + 1] == other.times[shared + 1],
            modelTimes[shared] == other.modelTimes[shared]
        {
            shared += 1
        }
        return shared
    }

    /// Whether each time is below the one before it.
    package var falls: Bool { zip(times, times.dropFirst()).allSatisfy { $0 > $1 } }

    /// Throws `data` if a time is not below the one before it.
    package func requireFalling() throws {
        for (time, next) in zip(times, times.dropFirst()) where !(time > next) {
            throw Failure(.data, place: "times", "must fall; \(next) follows \(time)")
        }
    }
}
