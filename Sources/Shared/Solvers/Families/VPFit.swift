import Tensors

/// The linear VP process whose s = sigma / alpha runs over a given range as t runs from 1e-3 to 1 (M3.6).
package struct VPFit {
    package static let end = 1e-3
    /// beta_1 - beta_0
    private let slope: Double
    private let beta0: Double

    /// - Parameters: s at t = 1e-3 and at t = 1.
    package init(minimum: Double, maximum: Double) {
        let top = Double.log1p(maximum * maximum)
        slope = 2 * (Double.log1p(minimum * minimum) / Self.end - top) / (Self.end - 1)
        beta0 = top - 0.5 * slope
    }

    package func time<T: Real>(scaledSigma s: T) -> T {
        let doubled = T.log1p(s * s)
        return 2.0 * doubled / (T.sqrt(2.0 * slope * doubled + beta0 * beta0) + beta0)
    }

    package func scaledSigma<T: Real>(_ t: T) -> T { T.sqrt(T.expm1(exponent(t))) }

    /// ds / dt.
    package func rate<T: Real>(_ t: T) -> T { 0.5 * (slope * t + beta0) * T.exp(exponent(t)) / scaledSigma(t) }

    private func exponent<T: Real>(_ t: T) -> T { (0.5 * slope * t + beta0) * t }
}
