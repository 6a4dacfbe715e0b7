import Diagnostics
import Tensors

/// The exact denoiser of a mixture of diagonal Gaussians, under any process (docs/methods/processes.md,
/// "Analytic denoisers"):
///
///     v_k = alpha^2 c_k^2 + sigma^2,   r_k ~ w_k N(x; alpha m_k, v_k),
///     D(x; t) = sum_k r_k (m_k + alpha c_k^2 / v_k (x - alpha m_k)).
///
/// All arithmetic is in Double; only arguments and results are of type Element.
package struct MixtureDenoiser<Element: TensorElement>: SamplewiseDenoiser {
    package let sampleShape: [Int]
    package let process: NoiseProcess
    private let logWeights: [Double]
    /// [K * size]
    private let means: [Double]
    /// c^2, [K * size]
    private let variances: [Double]

    /// - Parameters:
    ///   - weights: [K], positive; normalized here.
    ///   - means: [K, sample shape].
    ///   - deviations: standard deviations, [K, sample shape] or [K], positive.
    package init(
        weights: [Double], means: Tensor<Double>, deviations: Tensor<Double>, process: NoiseProcess = .edm
    ) throws {
        let size = means.sampleCount
        let spread = deviations.shape == [weights.count] ? size : 1
        guard !weights.isEmpty, means.batch == weights.count, size > 0,
            spread == size || deviations.shape == means.shape
        else {
            throw Failure(
                .data, place: "mixture",
                "weights [\(weights.count)], means \(means.shape) and stds \(deviations.shape) do not fit together")
        }
        guard weights.allSatisfy({ $0 > 0 && $0.isFinite }), deviations.elements.allSatisfy({ $0 > 0 && $0.isFinite }),
            means.elements.allSatisfy(\.isFinite)
        else { throw Failure(.data, place: "mixture", "weights and stds must be positive, and all numbers finite") }
        let total = weights.reduce(0, +)
        sampleShape = means.sampleShape
        self.process = process
        logWeights = weights.map { Double.log($0 / total) }
        self.means = means.elements
        variances = deviations.elements.flatMap { [Double](repeating: $0 * $0, count: spread) }
    }
}

extension MixtureDenoiser {
    /// Returns r_k, by a softmax of the logarithms of the densities.
    private func responsibilities(_ x: [Double], _ level: Level) -> [Double] {
        let (alpha, sigma) = (level.alpha, level.sigma)
        let size = x.count
        return softmax(
            logWeights.indices.map { component in
                var sum = 0.0
                for j in 0..<size {
                    let variance = alpha * alpha * variances[component * size + j] + sigma * sigma
                    let residual = x[j] - alpha * means[component * size + j]
                    sum += Double.log(variance) + residual * residual / variance
                }
                return logWeights[component] - 0.5 * sum
            })
    }

    func mean(_ x: [Double], at time: Double) -> [Double] {
        let level = Level(process, at: time)
        let weights = responsibilities(x, level)
        let (alpha, sigma) = (level.alpha, level.sigma)
        let size = x.count
        var result = [Double](repeating: 0, count: size)
        for (component, weight) in weights.enumerated() where weight != 0 {
            for j in 0..<size {
                let (mean, variance) = (means[component * size + j], variances[component * size + j])
                let gain = alpha * variance / (alpha * alpha * variance + sigma * sigma)
                result[j] += weight * (mean + gain * (x[j] - alpha * mean))
            }
        }
        return result
    }

    /// With d_k the mean of component k and q_k = <cotangent, d_k>:
    /// d <cotangent, D> = sum_k r_k (q_k - sum r q) d log r_k + sum_k r_k d q_k.
    func pullback(_ x: [Double], at time: Double, cotangent: [Double]) -> (x: [Double], time: Double) {
        let level = Level(process, at: time)
        let size = x.count
        let weights = responsibilities(x, level)
        var direct = [[Double]](repeating: [], count: weights.count)
        var densities = direct
        var rates = [(direct: Double, density: Double)](repeating: (0, 0), count: weights.count)
        var products = [Double](repeating: 0, count: weights.count)
        for component in weights.indices where weights[component] != 0 {
            let terms = derivatives(component, x, level, cotangent)
            (products[component], direct[component], densities[component]) = (
                terms.product, terms.direct, terms.density
            )
            rates[component] = (terms.directRate, terms.densityRate)
        }
        let average = zip(weights, products).reduce(0) { $0 + $1.0 * $1.1 }
        var result = [Double](repeating: 0, count: size)
        var rate = 0.0
        for (component, weight) in weights.enumerated() where weight != 0 {
            let excess = weight * (products[component] - average)
            for j in 0..<size { result[j] += weight * direct[component][j] + excess * densities[component][j] }
            rate += weight * rates[component].direct + excess * rates[component].density
        }
        return (result, rate)
    }

    /// Returns q_k of one component, and the derivatives of q_k and of the logarithm of its density in x and in t.
    private func derivatives(
        _ component: Int, _ x: [Double], _ level: Level, _ cotangent: [Double]
    ) -> (product: Double, direct: [Double], density: [Double], directRate: Double, densityRate: Double) {
        let (alpha, sigma) = (level.alpha, level.sigma)
        let size = x.count
        var direct = [Double](repeating: 0, count: size)
        var density = direct
        var (product, directRate, densityRate) = (0.0, 0.0, 0.0)
        for j in 0..<size {
            let (mean, c2) = (means[component * size + j], variances[component * size + j])
            let variance = alpha * alpha * c2 + sigma * sigma
            let varianceRate = 2 * alpha * c2 * level.alphaRate + 2 * sigma * level.sigmaRate
            let residual = x[j] - alpha * mean
            let residualRate = -mean * level.alphaRate
            let gain = alpha * c2 / variance
            let gainRate = (c2 * level.alphaRate - gain * varianceRate) / variance
            product += cotangent[j] * (mean + gain * residual)
            direct[j] = cotangent[j] * gain
            directRate += cotangent[j] * (gainRate * residual + gain * residualRate)
            density[j] = -residual / variance
            densityRate += density[j] * residualRate
            densityRate += 0.5 * (residual * residual / variance - 1) * varianceRate / variance
        }
        return (product, direct, density, directRate, densityRate)
    }
}

/// alpha, sigma and their derivatives at one time.
struct Level {
    let alpha, sigma, alphaRate, sigmaRate: Double

    init(_ process: NoiseProcess, at time: Double) {
        let t = Dual.variable(time, index: 0, of: 1)
        let (alpha, sigma) = (process.alpha(t), process.sigma(t))
        (self.alpha, alphaRate) = (alpha.value, alpha.partial(0))
        (self.sigma, sigmaRate) = (sigma.value, sigma.partial(0))
    }
}

func softmax(_ logits: [Double]) -> [Double] {
    let highest = logits.max() ?? 0
    let exponentials = logits.map { Double.exp($0 - highest) }
    let total = exponentials.reduce(0, +)
    return exponentials.map { $0 / total }
}
