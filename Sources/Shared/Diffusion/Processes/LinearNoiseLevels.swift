import Tensors

/// The noise levels beta_1, ..., beta_K of a discrete process, evenly spaced (Luo and Hu 2021).
package struct LinearNoiseLevels: Sendable, Equatable {
    /// K
    package let count: Int
    package let first: Double
    package let last: Double

    /// 100 levels from 0.0001 to 0.02.
    package static let pointCloud = LinearNoiseLevels(checked: 100, first: 1e-4, last: 0.02)

    /// Returns nil unless there are 2 levels or more, and they rise or stay within (0, 1).
    package init?(count: Int, first: Double, last: Double) {
        guard (2...1 << 16).contains(count), first > 0, last >= first, last < 1 else { return nil }
        self.init(checked: count, first: first, last: last)
    }

    private init(checked count: Int, first: Double, last: Double) {
        (self.count, self.first, self.last) = (count, first, last)
    }

    /// Returns beta_(index + 1).
    func level(_ index: Int) -> Double { first + (last - first) * Double(index) / Double(count - 1) }

    /// Returns the level at time t, which is beta_k at t = k / K and linear between.
    package func level<T: Real>(at t: T) -> T {
        first + (last - first) * (Double(count) * t - 1.0) / Double(count - 1)
    }

    /// The name of the noise table: `point-cloud`, or `point-cloud:K,BETA1,BETAT` for other levels than `pointCloud`.
    package var name: String { self == .pointCloud ? "point-cloud" : "point-cloud:\(count),\(first),\(last)" }

    /// The process whose time k / K has the level beta_k, and whose time 0 is the data.
    package var process: NoiseProcess { .vpDiscrete(NoiseTable(self)) }
}
