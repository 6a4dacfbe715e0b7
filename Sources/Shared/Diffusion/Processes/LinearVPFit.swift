import Tensors

/// The linear VP process whose s = sigma / alpha runs over a given range as its time runs from 1e-3 to 1
/// (docs/methods/heuristics.md, "Grids of GITS").
package struct LinearVPFit: Sendable {
    /// The last time.
    package static let end = 1e-3
    /// beta_1 - beta_0.
    private let slope: Double
    private let beta0: Double

    /// - Parameters:
    ///   - minimum: s at time 1e-3.
    ///   - maximum: s at time 1.
    package init(minimum: Double, maximum: Double) {
        let top = Double.log1p(maximum * maximum)
        slope = 2 * (Double.log1p(minimum * minimum) / Self.end - top) / (Self.end - 1)
        beta0 = top - 0.5 * slope
    }

    /// Returns the time of a given s.
    package func time<T: Real>(scaledSigma s: T) -> T {
        let doubled = T.log1p(s * s)
        return 2.0 * doubled / (T.sqrt(2.0 * slope * doubled + beta0 * beta0) + beta0)
    }

    /// Returns s at a given time.
    package func scaledSigma<T: Real>(_ t: T) -> T { T.sqrt(T.expm1(exponent(t))) }

    /// Returns the derivative of s.
    package func rate<T: Real>(_ t: T) -> T { 0.5 * (slope * t + beta0) * T.exp(exponent(t)) / scaledSigma(t) }

    private func exponent<T: Real>(_ t: T) -> T { (0.5 * slope * t + beta0) * t }
}
