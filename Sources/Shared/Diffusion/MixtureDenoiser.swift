import Diagnostics
import Tensors

/// The exact denoiser of a mixture of diagonal Gaussians, under any process (M11.2):
///
///     v_k = alpha^2 c_k^2 + sigma^2,   r_k ~ w_k N(x; alpha m_k, v_k),
///     D(x; t) = sum_k r_k (m_k + alpha c_k^2 / v_k (x - alpha m_k)).
///
/// All arithmetic is in Double; only the border is Element.
package struct MixtureDenoiser<Element: TensorElement>: Denoiser {
    package let sampleShape: [Int]
    package let process: NoiseProcess
    private let logWeights: [Double]
    /// [K * size]
    private let means: [Double]
    /// c^2, [K * size]
    private let variances: [Double]

    package var hasPullback: Bool { true }
    package var labelCount: Int { 0 }

    /// - Parameters:
    ///   - weights: [K], positive; normalised here.
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

    @specialized(where Element == Float)
    @specialized(where Element == Double)
    package func denoise(_ x: Tensor<Element>, at times: [Double], labels: [Int]?) throws -> Tensor<Element> {
        let size = x.sampleCount
        return Tensor(shape: x.shape) { target in
            x.withElements { source in
                for (sample, time) in times.enumerated() {
                    let level = Level(process, at: time)
                    let row = source[sample * size..<(sample + 1) * size].map { Double($0) }
                    let weights = responsibilities(row, level)
                    for (offset, value) in mean(row, level, weights).enumerated() {
                        target[sample * size + offset] = Element(value)
                    }
                }
            }
        }
    }

    @specialized(where Element == Float)
    @specialized(where Element == Double)
    package func linearize(
        _ x: Tensor<Element>, at times: [Double], labels: [Int]?
    ) throws -> Linearization<Element> {
        Linearization(value: try denoise(x, at: times, labels: labels)) { cotangent in
            let size = x.sampleCount
            var timeCotangents: [Double] = []
            let pulled = Tensor<Element>(shape: x.shape) { target in
                x.withElements { source in
                    cotangent.withElements { incoming in
                        for (sample, time) in times.enumerated() {
                            let range = sample * size..<(sample + 1) * size
                            let row = source[range].map { Double($0) }
                            let result = pullback(
                                row, Level(process, at: time), cotangent: incoming[range].map { Double($0) })
                            for offset in 0..<size { target[range.lowerBound + offset] = Element(result.x[offset]) }
                            timeCotangents.append(result.time)
                        }
                    }
                }
            }
            return Cotangents(x: pulled, times: timeCotangents)
        }
    }
}

extension MixtureDenoiser {
    /// r_k, by a softmax of the log densities.
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

    private func mean(_ x: [Double], _ level: Level, _ weights: [Double]) -> [Double] {
        let (alpha, sigma) = (level.alpha, level.sigma)
        let size = x.count
        var result = [Double](repeating: 0, count: size)
        for (component, weight) in weights.enumerated() where weight > 0 {
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
    private func pullback(_ x: [Double], _ level: Level, cotangent: [Double]) -> (x: [Double], time: Double) {
        let size = x.count
        let weights = responsibilities(x, level)
        var direct = [[Double]](repeating: [], count: weights.count)
        var densities = direct
        var rates = [(direct: Double, density: Double)](repeating: (0, 0), count: weights.count)
        var products = [Double](repeating: 0, count: weights.count)
        for component in weights.indices where weights[component] > 0 {
            let terms = derivatives(component, x, level, cotangent)
            (products[component], direct[component], densities[component]) = (
                terms.product, terms.direct, terms.density
            )
            rates[component] = (terms.directRate, terms.densityRate)
        }
        let average = zip(weights, products).reduce(0) { $0 + $1.0 * $1.1 }
        var result = [Double](repeating: 0, count: size)
        var time = 0.0
        for (component, weight) in weights.enumerated() where weight > 0 {
            let excess = weight * (products[component] - average)
            for j in 0..<size { result[j] += weight * direct[component][j] + excess * densities[component][j] }
            time += weight * rates[component].direct + excess * rates[component].density
        }
        return (result, time)
    }

    /// For one component: q_k, and the derivatives of q_k (direct) and of the log density, in x and in t.
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
