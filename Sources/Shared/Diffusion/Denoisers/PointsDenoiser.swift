import Diagnostics
import Tensors

/// The exact denoiser of a finite data set, each point as likely as any other (docs/methods/processes.md,
/// "Analytic denoisers"):
/// D(x; t) = sum_k r_k p_k, r_k ~ exp(-|x - alpha p_k|^2 / (2 sigma^2)).
package struct PointsDenoiser<Element: TensorElement>: SamplewiseDenoiser {
    package let sampleShape: [Int]
    package let process: NoiseProcess
    /// [K * size]
    private let points: [Double]
    private let count: Int

    /// - Parameter points: [K, sample shape], K at least 1.
    package init(points: Tensor<Double>, process: NoiseProcess = .edm) throws {
        guard points.batch > 0, points.sampleCount > 0, points.elements.allSatisfy(\.isFinite) else {
            throw Failure(.data, place: "points", "a finite data set needs at least one point of finite numbers")
        }
        sampleShape = points.sampleShape
        self.process = process
        self.points = points.elements
        count = points.batch
    }
}

extension PointsDenoiser {
    private func squaredDistance(_ x: [Double], _ point: Int, _ alpha: Double) -> Double {
        var sum = 0.0
        for j in x.indices {
            let residual = x[j] - alpha * points[point * x.count + j]
            sum += residual * residual
        }
        return sum
    }

    private func responsibilities(_ x: [Double], _ level: Level) -> [Double] {
        let scale = -0.5 / (level.sigma * level.sigma)
        return softmax((0..<count).map { scale * squaredDistance(x, $0, level.alpha) })
    }

    /// Returns sum_k w_k p_k.
    private func blend(_ weights: [Double]) -> [Double] {
        let size = points.count / count
        var result = [Double](repeating: 0, count: size)
        for (point, weight) in weights.enumerated() where weight != 0 {
            for j in 0..<size { result[j] += weight * points[point * size + j] }
        }
        return result
    }

    func mean(_ x: [Double], at time: Double) -> [Double] { blend(responsibilities(x, Level(process, at: time))) }

    /// With q_k = <cotangent, p_k> and excess_k = r_k (q_k - sum r q), which sum to zero:
    /// d <cotangent, D> = sum_k excess_k d log r_k.
    func pullback(_ x: [Double], at time: Double, cotangent: [Double]) -> (x: [Double], time: Double) {
        let level = Level(process, at: time)
        let (alpha, sigma, size) = (level.alpha, level.sigma, x.count)
        let weights = responsibilities(x, level)
        let products = weights.enumerated().map { point, weight -> Double in
            guard weight != 0 else { return 0 }
            return (0..<size).reduce(0) { $0 + cotangent[$1] * points[point * size + $1] }
        }
        let average = zip(weights, products).reduce(0) { $0 + $1.0 * $1.1 }
        let excess = zip(weights, products).map { $0 * ($1 - average) }
        var rate = 0.0
        for (point, value) in excess.enumerated() where value != 0 {
            let projection = (0..<size).reduce(0) {
                let p = points[point * size + $1]
                return $0 + (x[$1] - alpha * p) * p
            }
            let distance = squaredDistance(x, point, alpha)
            rate += value * (projection * level.alphaRate + distance * level.sigmaRate / sigma) / (sigma * sigma)
        }
        return (blend(excess).map { $0 * alpha / (sigma * sigma) }, rate)
    }
}
