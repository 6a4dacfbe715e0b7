import Diagnostics
import Tensors

/// A process that adds noise to data, x_t = alpha(t) x_0 + sigma(t) noise (paper, Eq. 1). Time falls from `start` to `end`.
///
/// Every function is written once over `Real`. With `Double` it returns the value, with `Dual` the exact derivative too.
/// Other modules ask a process for its properties. They do not ask which process it is.
package enum NoiseProcess: Sendable, Equatable {
    /// EDM: alpha = 1, and sigma(t) = t between `minimum` and `maximum` (Karras et al. 2022, Table 1).
    case edm(minimum: Double, maximum: Double)
    /// VP with a beta that rises linearly from 0.1 to 20 over t in (0, 1] (Song et al. 2021, App. C).
    case vpLinear
    /// VP with a cosine for alpha, up to t = 0.9946 (Nichol and Dhariwal 2021, Eq. 17).
    case vpCosine
    /// VP by a table, with log alpha piecewise linear between its knots.
    case vpDiscrete(NoiseTable)
    /// Rectified flow on [0, 1] (Liu et al. 2023): alpha = 1 - sigma, and sigma = K t / (1 + (K - 1) t) with the shift K
    /// (Esser et al. 2024, Eq. 23).
    case flow(shift: Double)
    /// The times of a sampler in another process, which falls from `start` to `end` and keeps its noise levels to itself.
    /// Every noise level is NaN.
    case interval(start: Double, end: Double)

    /// EDM's process over its own range, sigma from 80 to 0.002.
    package static let edm = NoiseProcess.edm(minimum: 0.002, maximum: 80)
    /// Rectified flow whose time is sigma itself.
    package static let flow = NoiseProcess.flow(shift: 1)

    /// T, the time of the noise.
    package var start: Double {
        switch self {
        case .edm(_, let maximum): maximum
        case .vpLinear, .flow: 1
        case .vpCosine: Cosine.start
        case .vpDiscrete(let table): table.start
        case .interval(let start, _): start
        }
    }

    /// t_min, the time of the data.
    package var end: Double {
        switch self {
        case .edm(let minimum, _): minimum
        case .vpLinear, .vpCosine: 1e-3
        case .vpDiscrete(let table): table.end
        case .flow: 0
        case .interval(_, let end): end
        }
    }

    /// Whether alpha and sigma are known.
    package var hasNoiseLevels: Bool {
        if case .interval = self { return false }
        return true
    }

    /// Whether no signal is left at the start: alpha = 0 there, and s is infinite.
    package var startsWithoutSignal: Bool { alpha(start) == 0 }

    /// The time at which no noise is left: sigma = 0, alpha = 1, and lambda is infinite. It is the end of the process or lies
    /// below it. NaN if the noise levels are not known.
    package var noiseFreeTime: Double {
        switch self {
        case .edm, .vpLinear, .vpCosine, .flow: 0
        case .vpDiscrete(let table): table.time(logAlpha: 0)
        case .interval: .nan
        }
    }

    /// Whether no noise is left at the end: sigma = 0 there, and lambda is infinite.
    package var endsWithoutNoise: Bool { end <= noiseFreeTime }

    /// Whether lambda is finite at both ends.
    package var hasFiniteLogSNR: Bool { lambda(start).isFinite && lambda(end).isFinite }

    /// Whether t is the noise level itself: alpha = 1 and sigma = t, as in EDM coordinates.
    package var timeIsNoiseLevel: Bool {
        if case .edm = self { return true }
        return false
    }

    /// Whether it is a rectified flow, whatever its shift.
    var isFlow: Bool {
        if case .flow = self { return true }
        return false
    }

    /// The flow with these states whose time is sigma, if this is a flow with a shift; nil if it is something else.
    package var unshifted: NoiseProcess? {
        if case .flow(let shift) = self, shift != 1 { return .flow }
        return nil
    }

    /// Whether times are learned in lambda rather than in t if nothing else is said. The paper does so on EDM's process.
    package var learnsInLogSNR: Bool { timeIsNoiseLevel }

    /// The noise levels of a process that has a table of them.
    package var table: NoiseTable? {
        if case .vpDiscrete(let table) = self { return table }
        return nil
    }

    /// The scale of the start state: x_T = priorScale * unit noise.
    package var priorScale: Double {
        if case .edm(_, let maximum) = self { return maximum }
        return 1
    }
}

// MARK: - Functions of time

extension NoiseProcess {
    /// Returns log alpha(t).
    package func logAlpha<T: Real>(_ t: T) -> T {
        switch self {
        case .edm: 0.0
        case .vpLinear: -0.25 * Linear.slope * t * t - 0.5 * Linear.beta0 * t
        case .vpCosine: T.log(T.cos(Cosine.angle(t))) - Cosine.logCosineAtZero
        case .vpDiscrete(let table): table.logAlpha(t)
        case .flow(let shift): T.log1p(-t) - T.log1p((shift - 1) * t)
        case .interval: T(.nan)
        }
    }

    /// Returns f(t), the derivative of log alpha, which is the drift of the process (paper, Eq. 3).
    package func logAlphaRate<T: Real>(_ t: T) -> T {
        switch self {
        case .edm: 0.0
        case .vpLinear: -0.5 * (Linear.beta0 + Linear.slope * t)
        case .vpCosine: -Cosine.rate * T.tan(Cosine.angle(t))
        case .vpDiscrete(let table): T(table.slope(at: t.value))
        case .flow(let shift): -1.0 / (1.0 - t) - (shift - 1) / (1.0 + (shift - 1) * t)
        case .interval: T(.nan)
        }
    }

    package func alpha<T: Real>(_ t: T) -> T {
        switch self {
        case .edm: 1.0
        case .flow(let shift): (1.0 - t) / (1.0 + (shift - 1) * t)
        default: T.exp(logAlpha(t))
        }
    }

    package func sigma<T: Real>(_ t: T) -> T {
        switch self {
        case .edm: t
        case .flow(let shift): shifted(t, by: shift)
        default: T.sqrt(-T.expm1(2.0 * logAlpha(t)))
        }
    }

    /// Returns lambda = log alpha - log sigma, half the log-SNR.
    /// If it is infinite, as at some ends of processes, it has no derivative.
    package func lambda<T: Real>(_ t: T) -> T {
        let lambda: T
        switch self {
        case .edm: lambda = -T.log(t)
        case .flow(let shift): lambda = T.log1p(-t) - T.log(t) - Double.log(shift)
        default: lambda = -0.5 * T.log(T.expm1(-2.0 * logAlpha(t)))
        }
        return lambda.value.isInfinite ? T(lambda.value) : lambda
    }

    /// Returns s = sigma / alpha = exp(-lambda), the noise level in EDM coordinates.
    package func scaledSigma<T: Real>(_ t: T) -> T {
        switch self {
        case .edm: t
        case .flow(let shift): shift * t / (1.0 - t)
        default: T.sqrt(T.expm1(-2.0 * logAlpha(t)))
        }
    }

    /// Returns g^2 / (2 sigma) = sigma' - f sigma, by which the ODE multiplies the noise prediction (paper, Eq. 3).
    package func noiseRate<T: Real>(_ t: T) -> T {
        switch self {
        case .edm: 1.0
        case .flow(let shift): shift / ((1.0 - t) * (1.0 + (shift - 1) * t))
        default: -logAlphaRate(t) / sigma(t)
        }
    }

    /// Returns the derivative of s.
    package func scaledSigmaRate<T: Real>(_ t: T) -> T {
        switch self {
        case .edm: 1.0
        case .flow(let shift): shift / ((1.0 - t) * (1.0 - t))
        default: -logAlphaRate(t) / (alpha(t) * sigma(t))
        }
    }
}

// MARK: - Inverses

extension NoiseProcess {
    /// Returns the t of a given half log-SNR. It is the exact inverse of `lambda`.
    package func time<T: Real>(lambda: T) -> T {
        switch self {
        case .edm: return T.exp(-lambda)
        case .flow(let shift): return sigmoid(-lambda - Double.log(shift))
        case .vpLinear:
            let doubled = softplus(-2.0 * lambda)
            let root = T.sqrt(2.0 * Linear.slope * doubled + Linear.beta0 * Linear.beta0)
            return 2.0 * doubled / (root + Linear.beta0)
        case .vpCosine:
            return Cosine.time(angle: T.acos(T.exp(logAlpha(lambda: lambda) + Cosine.logCosineAtZero)))
        case .vpDiscrete(let table):
            return table.time(logAlpha: logAlpha(lambda: lambda))
        case .interval: return T(.nan)
        }
    }

    /// Returns the t of a given s = sigma / alpha.
    package func time<T: Real>(scaledSigma: T) -> T {
        switch self {
        case .edm: scaledSigma
        case .flow(let shift): scaledSigma / (shift + scaledSigma)
        default: time(lambda: -T.log(scaledSigma))
        }
    }

    /// Returns log alpha = -softplus(-2 lambda) / 2, which holds if alpha^2 + sigma^2 = 1.
    private func logAlpha<T: Real>(lambda: T) -> T { -0.5 * softplus(-2.0 * lambda) }
}

/// Returns K t / (1 + (K - 1) t), which carries [0, 1] to itself with K times the odds t / (1 - t).
package func shifted<T: Real>(_ t: T, by shift: Double) -> T { shift * t / (1.0 + (shift - 1) * t) }

/// Returns log(1 + e^x) without overflow.
func softplus<T: Real>(_ x: T) -> T {
    x.value > 0 ? x + T.log1p(T.exp(-x)) : T.log1p(T.exp(x))
}

/// Returns 1 / (1 + e^-x) without overflow.
func sigmoid<T: Real>(_ x: T) -> T {
    if x.value >= 0 { return 1.0 / (1.0 + T.exp(-x)) }
    let e = T.exp(x)
    return e / (1.0 + e)
}

/// The constants of beta(t) = beta_0 + (beta_1 - beta_0) t.
private enum Linear {
    static let beta0 = 0.1
    /// beta_1 - beta_0.
    static let slope = 19.9
}

/// The constants of alpha = cos u(t) / cos u(0), where u(t) = (pi / 2)(t + s_0) / (1 + s_0).
private enum Cosine {
    /// s_0.
    static let offset = 0.008
    static let start = 0.9946
    /// The derivative of u.
    static let rate = Double.pi / 2 / (1 + offset)
    static let logCosineAtZero = Double.log(Double.cos(rate * offset))

    static func angle<T: Real>(_ t: T) -> T { rate * (t + offset) }
    static func time<T: Real>(angle: T) -> T { angle / rate - offset }
}
