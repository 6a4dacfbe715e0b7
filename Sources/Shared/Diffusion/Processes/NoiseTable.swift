import Diagnostics
import Tensors

/// The noise levels of a model in discrete time: log alpha is piecewise linear through the knots t_n = (n + 1) / N
/// (docs/methods/processes.md, "Noise tables").
///
/// Entries with lambda < -5.1 at the tail are dropped, and T is the last knot that is kept. The time N t - 1 that a model
/// is told stays n exactly. The first knot of the point cloud's table is the data themselves, at t = 0.
package struct NoiseTable: Sendable, Equatable {
    /// The name of a table with a formula (sd, or a kind with its numbers: linear:1000,0.0001,0.02), or of the file that the
    /// table was read from.
    package let name: String
    /// The number of entries before any are dropped. The data are not counted.
    package let count: Int
    /// N t of the first knot: 1, or 0 if the table begins with the data.
    private let firstKnot: Int
    /// Half the log of alphas_cumprod at the knots, strictly decreasing.
    let logAlphas: [Double]

    package var start: Double { knot(logAlphas.count - 1) }
    package var end: Double { knot(0) }

    /// Throws `.data` if there are fewer than two values, or if they do not fall strictly within (0, 1).
    package init(name: String, alphasCumprod: [Double]) throws {
        guard alphasCumprod.count >= 2 else {
            throw Failure(.data, place: name, "a noise table needs at least 2 values, not \(alphasCumprod.count)")
        }
        for (index, value) in alphasCumprod.enumerated() {
            guard value > 0, value < 1, index == 0 || value < alphasCumprod[index - 1] else {
                throw Failure(
                    .data, place: name,
                    "alphas_cumprod must fall strictly inside (0, 1); entry \(index) is \(value)")
            }
        }
        self.name = name
        count = alphasCumprod.count
        firstKnot = 1
        logAlphas = alphasCumprod.map { 0.5 * Double.log($0) }
            .filter { $0 - 0.5 * Double.log(-Double.expm1(2 * $0)) >= -5.1 }
        guard logAlphas.count >= 2 else {
            throw Failure(.data, place: name, "fewer than 2 noise levels have a half log-SNR of at least -5.1")
        }
    }

    /// Stable Diffusion v1 and v2: 1000 betas, scaled linear from 0.00085 to 0.012.
    package static let stableDiffusion = NoiseTable(name: "sd", first: 0.00085, last: 0.012)
    /// LDM (LSUN, ImageNet-256): 1000 betas, scaled linear from 0.0015 to 0.0195.
    package static let latentDiffusion = NoiseTable(name: "ldm", first: 0.0015, last: 0.0195)

    /// Makes the table of betas = linspace(sqrt(first), sqrt(last), count)^2, which CompVis calls linear and diffusers scaled
    /// linear. It is called `sd`, `ldm` or `scaled-linear:K,BETA1,BETAT`.
    ///
    /// Returns nil unless there are 2 to 65536 betas that rise within (0, 1) and leave some signal in Double.
    package init?(scaledLinear first: Double, _ last: Double, count: Int = 1000) {
        guard (2...1 << 16).contains(count), first > 0, last > first, last < 1 else { return nil }
        let known = [Self.stableDiffusion, Self.latentDiffusion].first {
            $0 == NoiseTable(name: $0.name, first: first, last: last, count: count)
        }
        let name = known?.name ?? "scaled-linear:\(count),\(first),\(last)"
        self.init(name: name, first: first, last: last, count: count)
        // A product that is near the smallest Double no longer falls.
        guard zip(logAlphas, logAlphas.dropFirst()).allSatisfy({ $0 > $1 && $1.isFinite }) else { return nil }
    }

    private init(name: String, first: Double, last: Double, count: Int = 1000) {
        let (low, high) = (first.squareRoot(), last.squareRoot())
        var cumulative = 1.0
        self.name = name
        self.count = count
        firstKnot = 1
        logAlphas = (0..<count).map { index in
            let root = low + (high - low) * Double(index) / Double(count - 1)
            cumulative *= 1 - root * root
            return 0.5 * Double.log(cumulative)
        }
    }

    /// Makes the table of evenly spaced betas (Ho et al. 2020), called `linear:K,BETA1,BETAT`. Returns nil if a beta is too
    /// small to change the signal in Double, if nothing is left of the signal, or if fewer than two levels have enough of it.
    package init?(linear levels: LinearNoiseLevels) {
        self.init(
            name: "linear:\(levels.count),\(levels.first),\(levels.last)",
            betas: (0..<levels.count).map(levels.level))
    }

    /// Makes the table of `count` betas, each at most 0.999, that follow from a cosine (Nichol and Dhariwal 2021, Eq. 17), called
    /// `cosine:K`. Returns nil unless there are 2 to 65536 betas.
    package init?(cosine count: Int) {
        guard (2...1 << 16).contains(count) else { return nil }
        func signal(_ index: Int) -> Double {
            let cosine = Double.cos((Double(index) / Double(count) + 0.008) / 1.008 * .pi / 2)
            return cosine * cosine
        }
        self.init(
            name: "cosine:\(count)", betas: (0..<count).map { min(1 - signal($0 + 1) / signal($0), 0.999) })
    }

    private init?(name: String, betas: [Double]) {
        var product = 1.0
        let values = betas.map { beta in
            product *= 1 - beta
            return product
        }
        guard let table = try? NoiseTable(name: name, alphasCumprod: values) else { return nil }
        self = table
    }

    /// The products of 1 - beta up to each level.
    package var alphasCumprod: [Double] { logAlphas.map { Double.exp(2 * $0) } }

    /// Returns the table of Stable Diffusion or latent diffusion of which `alphasCumprod` are the values up to a relative error
    /// of `tolerance`, as files keep them; nil if it is neither.
    package static func released(alphasCumprod: [Double], tolerance: Double = 1e-6) -> NoiseTable? {
        [stableDiffusion, latentDiffusion].first { table in
            alphasCumprod.count == table.logAlphas.count
                && zip(alphasCumprod, table.alphasCumprod).allSatisfy { abs($0 / $1 - 1) <= tolerance }
        }
    }

    /// Point clouds (Luo and Hu 2021): 100 betas from 1e-4 to 0.02, preceded by the data.
    package static let pointCloud = NoiseTable(.pointCloud)

    /// The table of a point cloud model (Luo and Hu 2021): linear betas, preceded by the data. The defaults are called point-cloud, others
    /// `point-cloud:K,BETA1,BETAT`.
    package init(_ levels: LinearNoiseLevels) {
        // The negative zero makes sigma = sqrt(-expm1(2 a)) and s = sqrt(expm1(-2 a)) positive zeros.
        var values = [-0.0]
        for k in 0..<levels.count { values.append(values[k] + 0.5 * Double.log1p(-levels.level(k))) }
        name = levels.name
        count = levels.count
        firstKnot = 0
        logAlphas = values
    }

    /// Returns t_n = (n + 1) / N, or n / N if the table begins with the data.
    private func knot(_ index: Int) -> Double { Double(index + firstKnot) / Double(count) }

    /// Returns the slope of log alpha over the segment [t_n, t_{n+1}].
    private func slope(segment: Int) -> Double {
        (logAlphas[segment + 1] - logAlphas[segment]) * Double(count)
    }

    /// Returns the segment that holds t. The first and the last segment reach beyond the table. A time within `slack`
    /// segments below a knot lies in the segment that begins there.
    private func segment(at t: Double, slack: Double = 1e-9) -> Int {
        let position = t * Double(count) - Double(firstKnot) + slack
        guard position > 0 else { return 0 }
        return min(Int(min(position, Double(logAlphas.count))), logAlphas.count - 2)
    }

    /// Returns the slope of log alpha at t: at a knot, that of the segment above it. A knot that was rounded to single
    /// precision, in which times are kept and t N is off by up to N 2^-25, has the same slope.
    func slope(at t: Double) -> Double {
        slope(segment: segment(at: t, slack: max(1e-9, Double(count) * 0x1p-24)))
    }

    func logAlpha<T: Real>(_ t: T) -> T {
        let index = segment(at: t.value)
        return T(slope(segment: index)) * (t - knot(index)) + logAlphas[index]
    }

    /// Returns the time of a given log alpha. It is the exact inverse of `logAlpha`.
    func time<T: Real>(logAlpha: T) -> T {
        var (low, high) = (0, logAlphas.count - 2)
        while low < high {
            let middle = (low + high + 1) / 2
            if logAlphas[middle] >= logAlpha.value { low = middle } else { high = middle - 1 }
        }
        return (logAlpha - logAlphas[low]) / slope(segment: low) + knot(low)
    }
}
