import Diagnostics
import Diffusion
import Schedules
import Solvers
import Tensors

/// Align Your Steps: times of least KLUB, a bound on the divergence of a first-order stochastic solver, by Monte Carlo
/// and coordinate search (M8.3; Sabour et al. 2024). The data are the pairs' targets.
package struct AYSSettings: Sendable, Equatable {
    /// Samples of each estimate.
    package var samples = 32
    /// Candidates of a point on one visit, its present place among them.
    package var candidates = 11
    /// Visits of every point, at most, at each resolution.
    package var sweeps = 5
    /// Whether a resolution's search ends when the solver's own validation loss rises: KLUB is a bound for another solver.
    package var stopsEarly = true
    /// Steps of the first grid, and how often it is subdivided.
    package var firstSteps = 10
    package var subdivisions = 2
    /// c of the sampling density, the data's deviation.
    package var deviation = 0.5
    package var seed: UInt64 = 0

    package init() {}
}

/// The sampling density of one KLUB integral (Lemma 3.3 with the first power, DEF-23):
/// pi(t) ~ t^-3 (1 / (t^2 + c^2) - 1 / (u^2 + c^2)) on [low, u].
struct AYSDensity {
    let low: Double
    let high: Double
    let variance: Double

    /// 1 / (t^2 + c^2) - 1 / (u^2 + c^2).
    func gap(_ t: Double) -> Double { 1 / (t * t + variance) - 1 / (high * high + variance) }

    /// The integral of t^-3 gap(t) from t to u.
    func mass(from t: Double) -> Double { antiderivative(high) - antiderivative(t) }

    private func antiderivative(_ t: Double) -> Double {
        let square = t * t
        let first = -0.5 / (variance * square) + 0.5 * Double.log1p(variance / square) / (variance * variance)
        return first + 0.5 / (square * (high * high + variance))
    }

    /// The t with the share `fraction` of the mass above it.
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
    let settings: AYSSettings
    let process: NoiseProcess
    /// x_0, [S, sample shape].
    let data: Tensor<Element>
    /// z_1 and z_2, the same for every estimate.
    let noises: (Tensor<Double>, Tensor<Double>)
    /// The solver's validation loss along levels, asked after every visit of all points.
    let judge: (_ levels: [Double]) throws -> Double
    /// D of states at times, one for each sample.
    let denoise: (_ states: Tensor<Element>, _ times: [Double]) throws -> Tensor<Element>

    /// The integral over [low, high] of t^-3 E |D(x_t) - D(x_high)|^2, stratified over the density.
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

    /// alpha (x_0 + t z_1), or with `above` = u also sqrt(u^2 - t^2) z_2.
    private func states(_ levels: [Double], above: Double?) -> Tensor<Element> {
        data.mapSamples { sample, values in
            let level = levels[sample]
            let alpha = process.alpha(process.time(scaledSigma: above ?? level))
            let extra = above.map { max($0 * $0 - level * level, 0).squareRoot() } ?? 0
            let (first, second) = (noises.0.doubles(sample: sample), noises.1.doubles(sample: sample))
            return values.indices.map { alpha * (values[$0] + (level * first[$0] + extra * second[$0])) }
        }
    }

    /// Moves the levels at `points` one by one to the best of their candidates, until none moves or the levels get worse;
    /// the best levels of all.
    func optimized(_ levels: [Double], at points: [Int]) throws -> [Double] {
        var levels = levels
        var best = (levels: levels, value: settings.stopsEarly ? try judge(levels) : 0)
        for _ in 0..<settings.sweeps {
            var moved = false
            for point in points {
                let (below, above) = (levels[point - 1], levels[point + 1])
                let place = try candidates(levels[point], below, above)
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

    /// Places around a level, up to halfway to its neighbours in log s.
    private func candidates(_ level: Double, _ below: Double, _ above: Double) -> [Double] {
        let reach = settings.candidates / 2
        return (-reach...reach).map { index in
            guard index != 0 else { return level }
            let share = 0.5 * Double(abs(index)) / Double(max(reach, 1))
            return level * Double.pow((index < 0 ? below : above) / level, share)
        }
    }

    /// The whole search: a coarse grid, then twice as many points between, of which only the new ones move.
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

extension FitProblem {
    /// AYS' schedule for the training pairs' targets as data. Its cost is told in `work`: two evaluations a sample for
    /// each interval of each candidate.
    package func ays(_ settings: AYSSettings) throws -> Fit {
        guard train.pairs.targets.shape == train.pairs.noise.shape else {
            throw Failure(.usage, place: "--method ays", "needs targets in the model's own space")
        }
        return try baseline("ays") {
            // Samples beyond the number of targets reuse them with other noises.
            let indices = (0..<settings.samples).map { $0 % train.count }
            let data = train.pairs.targets.gather(indices)
            var generator = SplitMix(seed: settings.seed)
            func noise() -> Tensor<Double> {
                Tensor(shape: data.shape, elements: (0..<data.count).map { _ in generator.normal() })
            }
            func times(_ levels: [Double]) -> [Double] {
                var times = TabulatedSchedule.interpolated(levels.reversed(), steps: steps)
                    .map { process.time(scaledSigma: $0) }
                times[0] = process.start
                times[steps] = process.end
                return times
            }
            let search = AYSSearch(
                settings: settings, process: process, data: data, noises: (noise(), noise()),
                judge: { try finiteLoss(solver.program(process: process, times: times($0))) },
                denoise: { states, times in
                    Tensor.concatenate(
                        try Array(times.indices).chunks(of: batch).map { chunk in
                            try denoiser.denoise(
                                states.gather(chunk), at: chunk.map { times[$0] },
                                given: train.pairs.condition.rows(chunk.map { indices[$0] }))
                        })
                })
            let start = try Discretization.edm.times(steps: settings.firstSteps, process: process)
            let levels = try search.levels(from: start.map { process.scaledSigma($0) }.reversed())
            return try baselineSchedule(times: times(levels))
        }
    }
}
