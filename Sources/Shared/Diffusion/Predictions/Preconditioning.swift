import Tensors

/// The factors that make a network F a denoiser in EDM coordinates, D(x; s) = c_skip x + c_out F(c_in x; c_noise)
/// (Karras et al. 2022, Table 1).
package enum Preconditioning: String, Sendable, CaseIterable {
    case edm, vp, ve, iddpm

    /// The four factors at one noise level.
    package struct Factors<T: Real>: Sendable {
        package var skip: T
        package var output: T
        package var input: T
        /// c_noise, the time that the network is told.
        package var noise: T
    }

    /// The constant sigma_data of EDM's form.
    package static let dataDeviation = 0.5

    /// Returns the factors at the noise level s, which is positive and in EDM coordinates. With `Dual` they carry their exact
    /// derivatives.
    package func factors<T: Real>(_ s: T) -> Factors<T> {
        switch self {
        case .edm:
            let variance = Self.dataDeviation * Self.dataDeviation
            let total = s * s + variance
            let root = T.sqrt(total)
            return Factors(
                skip: variance / total, output: s * Self.dataDeviation / root, input: 1.0 / root,
                noise: T.log(s) / 4.0)
        case .vp:
            return Factors(skip: 1.0, output: -s, input: 1.0 / T.sqrt(s * s + 1.0), noise: 999.0 * Self.vpTime(s))
        case .ve:
            return Factors(skip: 1.0, output: s, input: 1.0, noise: T.log(0.5 * s))
        case .iddpm:
            return Factors(
                skip: 1.0, output: -s, input: 1.0 / T.sqrt(s * s + 1.0), noise: 999.0 - ImprovedLevels.position(s))
        }
    }

    /// Returns each factor at s with its derivative.
    package func derivatives(_ s: Double) -> Factors<Dual> { factors(.variable(s, index: 0, of: 1)) }

    /// Returns the time of the linear VP process at which its noise level is s.
    private static func vpTime<T: Real>(_ s: T) -> T {
        let (slope, beta0) = (19.9, 0.1)
        let doubled = T.log1p(s * s)
        return 2.0 * doubled / (T.sqrt(2.0 * slope * doubled + beta0 * beta0) + beta0)
    }
}

/// The noise levels of improved DDPM in EDM coordinates, u_0 > ... > u_1000 = 0 (docs/methods/processes.md, "iDDPM noise
/// levels").
package enum ImprovedLevels {
    package static let count = 1000

    /// u_0 to u_1000.
    package static let levels: [Double] = {
        func cumulative(_ j: Int) -> Double {
            let sine = Double.cos(Double.pi / 2 * (1 - Double(j) / (Double(count) * 1.008)))
            return sine * sine
        }
        var levels = [Double](repeating: 0, count: count + 1)
        for j in stride(from: count, to: 0, by: -1) {
            let ratio = max(cumulative(j - 1) / cumulative(j), 0.001)
            levels[j - 1] = ((levels[j] * levels[j] + 1) / ratio - 1).squareRoot()
        }
        return levels
    }()

    /// Returns the piecewise-linear inverse of u. EDM rounds to the nearest entry; here learning sees a slope.
    static func position<T: Real>(_ s: T) -> T {
        var (low, high) = (0, count - 2)
        while low < high {
            let middle = (low + high + 1) / 2
            if levels[middle] >= s.value { low = middle } else { high = middle - 1 }
        }
        return Double(low) + (s - levels[low]) / (levels[low + 1] - levels[low])
    }

    /// Returns the level that is nearest to s, as EDM's own wrapper rounds (`round_sigma`).
    package static func nearest(_ s: Double) -> Double {
        let index = levels.indices.dropLast().min { abs(levels[$0] - s) < abs(levels[$1] - s) }
        return index.map { levels[$0] } ?? s
    }
}
