import Diagnostics

/// The range of the values of samples. Those of diffusion models span [-1, 1], and a few reach beyond.
struct SampleRange {
    /// Values farther from 0 are far beyond what samples should be.
    private static let reach: Float = 1.5
    /// The share of such values that is no accident.
    private static let largestShare = 0.01

    private var lowest = Float.infinity
    private var highest = -Float.infinity
    private var count = 0
    private var farCount = 0

    /// Adds finite values.
    mutating func add(_ values: [Float]) {
        for value in values {
            lowest = min(lowest, value)
            highest = max(highest, value)
            if abs(value) > Self.reach { farCount += 1 }
        }
        count += values.count
    }

    private var span: String {
        "holds values from \(significant(Double(lowest), digits: 3)) to \(significant(Double(highest), digits: 3)), and "
            + "samples span [-1, 1]"
    }

    /// Says that no value is negative, so that these are no samples, and what to do about it; nil if one is.
    var unsigned: (fault: String, remedy: String)? {
        guard count > 0, lowest >= 0 else { return nil }
        return (
            span,
            highest <= Self.reach
                ? "values x of [0, 1] are saved as 2 x - 1" : "levels 0 to 255 are saved as integers (uint8)"
        )
    }

    /// Says that many values are far beyond [-1, 1]; nil if few are.
    var beyond: String? {
        guard Double(farCount) > Self.largestShare * Double(count) else { return nil }
        let share = significant(100 * Double(farCount) / Double(count), digits: 2)
        return "\(span): \(share)% are far beyond, and are clipped"
    }
}
