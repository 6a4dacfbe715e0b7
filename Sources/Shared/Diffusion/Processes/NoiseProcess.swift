import Diagnostics
import Tensors

/// A forward process x_t = alpha(t) x_0 + sigma(t) noise (paper Eq. 1), with time falling from `start` to `end`.
///
/// Every function is written once over `Real`: with `Double` it is the value, with `Dual` also the exact derivative
/// (M1.2). `Spelling.swift` parses and prints the names that `--process` uses.
package enum NoiseProcess: Sendable, Equatable {
    /// alpha = 1, sigma(t) = t between `minimum` and `maximum` (M1.3).
    case edm(minimum: Double, maximum: Double)
    /// Linear beta from 0.1 to 20 over t in (0, 1] (M1.4).
    case vpLinear
    /// Cosine alpha, s_0 = 0.008, up to t = 0.9946 (M1.7).
    case vpCosine
    /// A table of alphas_cumprod, log alpha piecewise linear between its knots (M1.5, M1.9).
    case vpDiscrete(NoiseTable)
    /// Rectified flow: alpha = 1 - t, sigma = t on [0, 1] (M1.8).
    case flow

    /// EDM's own range, sigma from 80 to 0.002.
    package static let edm = NoiseProcess.edm(minimum: 0.002, maximum: 80)

    /// T, the time of the noise.
    package var start: Double {
        switch self {
        case .edm(_, let maximum): maximum
        case .vpLinear, .flow: 1
        case .vpCosine: Cosine.start
        case .vpDiscrete(let table): table.start
        }
    }

    /// t_min, the time of the data.
    package var end: Double {
        switch self {
        case .edm(let minimum, _): minimum
        case .vpLinear, .vpCosine: 1e-3
        case .vpDiscrete(let table): table.end
        case .flow: 0
        }
    }

    /// Whether lambda is finite at T and at t_min; not so where no signal or no noise is left (M1.8, M1.9).
    package var hasFiniteLogSNR: Bool { lambda(start).isFinite && lambda(end).isFinite }

    /// x_T = priorScale * unit noise.
    package var priorScale: Double {
        if case .edm(_, let maximum) = self { return maximum }
        return 1
    }
}

// MARK: - Functions of time

extension NoiseProcess {
    /// a(t) = log alpha(t).
    package func logAlpha<T: Real>(_ t: T) -> T {
        switch self {
        case .edm: 0.0
        case .vpLinear: -0.25 * Linear.slope * t * t - 0.5 * Linear.beta0 * t
        case .vpCosine: T.log(T.cos(Cosine.angle(t))) - Cosine.logCosineAtZero
        case .vpDiscrete(let table): table.logAlpha(t)
        case .flow: T.log1p(-t)
        }
    }

    /// f(t) = a'(t), the drift of the process (M1.1).
    package func logAlphaRate<T: Real>(_ t: T) -> T {
        switch self {
        case .edm: 0.0
        case .vpLinear: -0.5 * (Linear.beta0 + Linear.slope * t)
        case .vpCosine: -Cosine.rate * T.tan(Cosine.angle(t))
        case .vpDiscrete(let table): T(table.slope(at: t.value))
        case .flow: -1.0 / (1.0 - t)
        }
    }

    package func alpha<T: Real>(_ t: T) -> T {
        switch self {
        case .edm: 1.0
        case .flow: 1.0 - t
        default: T.exp(logAlpha(t))
        }
    }

    package func sigma<T: Real>(_ t: T) -> T {
        switch self {
        case .edm, .flow: t
        default: T.sqrt(-T.expm1(2.0 * logAlpha(t)))
        }
    }

    /// lambda = log alpha - log sigma, half the log-SNR.
    package func lambda<T: Real>(_ t: T) -> T {
        switch self {
        case .edm: -T.log(t)
        case .flow: T.log1p(-t) - T.log(t)
        default: -0.5 * T.log(T.expm1(-2.0 * logAlpha(t)))
        }
    }

    /// s = sigma / alpha = exp(-lambda), EDM's sigma.
    package func scaledSigma<T: Real>(_ t: T) -> T {
        switch self {
        case .edm: t
        case .flow: t / (1.0 - t)
        default: T.sqrt(T.expm1(-2.0 * logAlpha(t)))
        }
    }

    /// g^2(t) / (2 sigma(t)) = sigma' - f sigma, what multiplies the noise prediction in the ODE (M1.1).
    package func noiseRate<T: Real>(_ t: T) -> T {
        switch self {
        case .edm: 1.0
        case .flow: 1.0 / (1.0 - t)
        default: -logAlphaRate(t) / sigma(t)
        }
    }

    /// s'(t) = -s lambda'(t) (M1.2).
    package func scaledSigmaRate<T: Real>(_ t: T) -> T {
        switch self {
        case .edm: 1.0
        case .flow: 1.0 / ((1.0 - t) * (1.0 - t))
        default: -logAlphaRate(t) / (alpha(t) * sigma(t))
        }
    }
}

// MARK: - Inverses

extension NoiseProcess {
    /// The t of a given half log-SNR, the exact inverse of `lambda`.
    package func time<T: Real>(lambda: T) -> T {
        switch self {
        case .edm: return T.exp(-lambda)
        case .flow: return sigmoid(-lambda)
        case .vpLinear:
            let doubled = softplus(-2.0 * lambda)
            let root = T.sqrt(2.0 * Linear.slope * doubled + Linear.beta0 * Linear.beta0)
            return 2.0 * doubled / (root + Linear.beta0)
        case .vpCosine:
            return Cosine.time(angle: T.acos(T.exp(logAlpha(lambda: lambda) + Cosine.logCosineAtZero)))
        case .vpDiscrete(let table):
            return table.time(logAlpha: logAlpha(lambda: lambda))
        }
    }

    /// The t of a given s = sigma / alpha.
    package func time<T: Real>(scaledSigma: T) -> T {
        switch self {
        case .edm: scaledSigma
        case .flow: scaledSigma / (1.0 + scaledSigma)
        default: time(lambda: -T.log(scaledSigma))
        }
    }

    /// a = -softplus(-2 lambda) / 2, for alpha^2 + sigma^2 = 1.
    private func logAlpha<T: Real>(lambda: T) -> T { -0.5 * softplus(-2.0 * lambda) }
}

/// log(1 + e^x) without overflow.
func softplus<T: Real>(_ x: T) -> T {
    x.value > 0 ? x + T.log1p(T.exp(-x)) : T.log1p(T.exp(x))
}

/// 1 / (1 + e^-x) without overflow.
func sigmoid<T: Real>(_ x: T) -> T {
    if x.value >= 0 { return 1.0 / (1.0 + T.exp(-x)) }
    let e = T.exp(x)
    return e / (1.0 + e)
}

/// M1.4.
private enum Linear {
    static let beta0 = 0.1
    /// beta_1 - beta_0
    static let slope = 19.9
}

/// M1.7: alpha = cos u(t) / cos u(0), u(t) = (pi / 2)(t + s_0) / (1 + s_0).
private enum Cosine {
    static let offset = 0.008
    static let start = 0.9946
    /// u'(t)
    static let rate = Double.pi / 2 / (1 + offset)
    static let logCosineAtZero = Double.log(Double.cos(rate * offset))

    static func angle<T: Real>(_ t: T) -> T { rate * (t + offset) }
    static func time<T: Real>(angle: T) -> T { angle / rate - offset }
}
