import Diffusion
import Fitting
import Tensors

/// The sampling density of one KLUB integral (Sabour et al. 2024, Lemma 3.3, with the bracket to the first power as in
/// its proof; docs/methods/ays.md, "Objective"): pi(t) ~ t^-3 (1 / (t^2 + c^2) - 1 / (u^2 + c^2)) on [low, u].
struct AYSDensity {
    let low: Double
    let high: Double
    let variance: Double

    /// 1 / (t^2 + c^2) - 1 / (u^2 + c^2).
    func gap(_ t: Double) -> Double { 1 / (t * t + variance) - 1 / (high * high + variance) }

    /// Returns the integral of t^-3 gap(t) from t to u.
    func mass(from t: Double) -> Double { antiderivative(high) - antiderivative(t) }

    private func antiderivative(_ t: Double) -> Double {
        let square = t * t
        let first = -0.5 / (variance * square) + 0.5 * Double.log1p(variance / square) / (variance * variance)
        return first + 0.5 / (square * (high * high + variance))
    }

    /// Returns the t with the share `fraction` of the mass above it.
    func quantile(_ fraction: Double) -> Double {
        let wanted = fraction * mass(from: low)
        var (below, above) = (low, high)
        for _ in 0..<60 {
            let middle = (below * above).squareRoot()
            if mass(from: middle) > wanted { below = middle } else { above = middle }
        }
        return (below * above).squareRoot()
    }
}

/// Estimates of KLUB and the search over noise levels s = sigma / alpha, rising here as in the paper.
struct AYSSearch<Element: TensorElement> {
    let settings: AYS
    let process: NoiseProcess
    /// x_0, [S, sample shape].
    let data: Tensor<Element>
    /// z_1 and z_2, the same for every estimate.
    let noises: (Tensor<Double>, Tensor<Double>)
    /// Returns the solver's validation loss along levels; asked after every visit of all points.
    let judge: (_ levels: [Double]) throws -> Double
    /// Returns D of states at times, one for each sample.
    let denoise: (_ states: Tensor<Element>, _ times: [Double]) throws -> Tensor<Element>

    /// Returns the integral over [low, high] of t^-3 E |D(x_t) - D(x_high)|^2, stratified over the density.
    func klub(_ low: Double, _ high: Double) throws -> Double {
        let density = AYSDensity(low: low, high: high, variance: settings.deviation * settings.deviation)
        let count = data.batch
        let levels = (0..<count).map { density.quantile((Double($0) + 0.5) / Double(count)) }
        let here = try denoise(states(levels, above: nil), levels.map { process.time(scaledSigma: $0) })
        let there = try denoise(
            states(levels, above: high),
            [Double](repeating: process.time(scaledSigma: high), count: count))
        let sum = (0..<count).reduce(0.0) { sum, sample in
            let differences = zip(here.doubles(sample: sample), there.doubles(sample: sample)).map { $0 - $1 }
            return sum + differences.reduce(0) { $0 + $1 * $1 } / density.gap(levels[sample])
        }
        return density.mass(from: low) * sum / Double(count)
    }

    /// Returns the states alpha (x_0 + t z_1), or with `above` = u also sqrt(u^2 - t^2) z_2.
    private func states(_ levels: [Double], above: Double?) -> Tensor<Element> {
        data.mapSamples { sample, values in
            let level = levels[sample]
            let alpha = process.alpha(process.time(scaledSigma: above ?? level))
            let extra = above.map { max($0 * $0 - level * level, 0).squareRoot() } ?? 0
            let (first, second) = (noises.0.doubles(sample: sample), noises.1.doubles(sample: sample))
            return values.indices.map { alpha * (values[$0] + (level * first[$0] + extra * second[$0])) }
        }
    }

    /// Moves the levels at `points` one by one to the best of their places, until none moves or the levels get worse,
    /// and returns the best levels of all.
    func optimized(_ levels: [Double], at points: [Int]) throws -> [Double] {
        var levels = levels
        var best = (levels: levels, value: settings.stopsEarly ? try judge(levels) : 0)
        for _ in 0..<settings.sweeps {
            var moved = false
            for point in points {
                let (below, above) = (levels[point - 1], levels[point + 1])
                let place = try places(levels[point], below, above)
                    .map { (level: $0, value: try klub(below, $0) + klub($0, above)) }
                    .min { $0.value < $1.value }
                if let place, place.level != levels[point] {
                    levels[point] = place.level
                    moved = true
                }
            }
            let value = settings.stopsEarly ? try judge(levels) : 0
            if value <= best.value { best = (levels, value) }
            if !moved || value > best.value { break }
        }
        return best.levels
    }

    /// Returns places around a level, up to halfway to its neighbours in log s.
    private func places(_ level: Double, _ below: Double, _ above: Double) -> [Double] {
        let reach = settings.places / 2
        return (-reach...reach).map { index in
            guard index != 0 else { return level }
            let share = 0.5 * Double(abs(index)) / Double(max(reach, 1))
            return level * Double.pow((index < 0 ? below : above) / level, share)
        }
    }

    /// Runs the whole search: a coarse grid, then twice as many points between, of which only the new ones move.
    func levels(from start: [Double]) throws -> [Double] {
        var levels = try optimized(start, at: Array(1..<start.count - 1))
        for _ in 0..<settings.subdivisions {
            let between = zip(levels, levels.dropFirst()).map { ($0 * $1).squareRoot() }
            levels = zip(levels, between).flatMap { [$0, $1] } + [levels[levels.count - 1]]
            levels = try optimized(levels, at: Array(stride(from: 1, to: levels.count - 1, by: 2)))
        }
        return levels
    }
}
