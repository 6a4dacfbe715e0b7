import Solvers

/// A central difference in one inner time, or model time, of a course. It moves both ways by a thousandth of the smaller step
/// beside it. Times that are tied move together.
struct TimeDifference {
    let index: Int
    let ofModel: Bool
    /// The course with the time moved ahead, and back.
    let courses: [TimeLists]
    private let step: Double

    init(_ course: TimeLists, _ index: Int, ofModel: Bool, isTied: Bool) {
        (self.index, self.ofModel) = (index, ofModel)
        let times = course.times
        let step = 1e-3 * min(times[index - 1] - times[index], times[index] - times[index + 1])
        self.step = step
        courses = [step, -step].map { step in
            var moved = course
            if !ofModel { moved.times[index] += step }
            if ofModel || isTied { moved.modelTimes[index] += step }
            return moved
        }
    }

    /// Returns the slope of a quantity that has these values along the two courses.
    func slope(_ ahead: Double, _ back: Double) -> Double { (ahead - back) / (2 * step) }
}

extension TimeLists {
    /// Returns a difference in each inner time and, if they are not tied, in each inner model time.
    func differences(isTied: Bool) -> [TimeDifference] {
        (1..<max(steps, 1)).flatMap { index in
            (isTied ? [false] : [false, true]).map {
                TimeDifference(self, index, ofModel: $0, isTied: isTied)
            }
        }
    }
}
