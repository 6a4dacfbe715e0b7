import Diffusion
import Tensors

extension Solver {
    /// x_i = carried x_{i-1} + (clock step) * sum_k w_k m_{i-1-k} (M4.6, EDM form).
    ///
    /// - Parameter weights: for step i = 1...N, newest first, of the mean slope over the step.
    func adamsBashforth<T: Real>(
        _ grid: TimeGrid<T>, _ modelTimes: [T], weights: (_ step: Int) -> [T]
    ) -> LinearRecursion<T> {
        var recursion = LinearRecursion(prediction: grid.slope, modelTimes: modelTimes)
        for i in 1...grid.steps {
            let carry = grid.carry(from: grid.times[i - 1], to: grid.times[i])
            let step = grid.clock(grid.times[i]) - grid.clock(grid.times[i - 1])
            var predictor = LinearRecursion<T>.Combination()
            predictor.add(state: i - 1, carry.state)
            for (back, weight) in weights(i).enumerated() {
                predictor.add(output: i - 1 - back, carry.slope * step * weight)
            }
            recursion.rows.append(.init(predictor: predictor))
        }
        return recursion
    }

    /// Adams-Bashforth on an even grid, which iPNDM uses on any (M4.6).
    func ipndmWeights<T: Real>(order: Int) -> [T] {
        switch order {
        case 1: [1.0]
        case 2: [1.5, -0.5]
        case 3: [T(23.0 / 12), T(-16.0 / 12), T(5.0 / 12)]
        default: [T(55.0 / 24), T(-59.0 / 24), T(37.0 / 24), T(-9.0 / 24)]
        }
    }

    /// Weights from the polynomial through the last points, in s (ipndm-v, deis-rho) or in VP time (deis-tab) (M4.8).
    func variableAdamsBashforth<T: Real>(_ grid: TimeGrid<T>, _ modelTimes: [T]) -> LinearRecursion<T> {
        let clocks = grid.times.map { grid.clock($0) }
        let levels = VPTime(grid.process)
        let vpTimes = family == .deisTime ? grid.times.map { levels.time($0) } : []
        return adamsBashforth(grid, modelTimes) { i in
            let points = family == .deisRho ? min(i - 1, order) + 1 : min(i, order)
            let recent = (0..<points).map { i - 1 - $0 }
            let step = clocks[i] - clocks[i - 1]
            guard points > 1 else { return [1.0] }
            let integrals: [T]
            if family == .deisTime {
                integrals = lagrangeIntegrals(
                    nodes: recent.map { vpTimes[$0] }, from: vpTimes[i - 1], to: vpTimes[i], density: levels.rate)
            } else {
                integrals = lagrangeIntegrals(nodes: recent.map { clocks[$0] }, from: clocks[i - 1], to: clocks[i])
            }
            // The basis sums to one, so its integrals sum to the step; this keeps constants exact.
            let older = integrals.dropFirst().map { $0 / step }
            return [older.reduce(1.0) { $0 - $1 }] + older
        }
    }
}

/// The VP time of a process, in which tAB-DEIS interpolates: its own, or that of the linear VP process with the same
/// range of s (M3.6).
private struct VPTime {
    private let process: NoiseProcess
    /// For a process without a VP time of its own.
    private let fit: VPFit?

    init(_ process: NoiseProcess) {
        self.process = process
        if case .edm(let minimum, let maximum) = process {
            fit = VPFit(minimum: minimum, maximum: maximum)
        } else {
            fit = nil
        }
    }

    func time<T: Real>(_ t: T) -> T { fit?.time(scaledSigma: t) ?? t }

    /// ds / d(VP time).
    func rate<T: Real>(_ t: T) -> T { fit?.rate(t) ?? process.scaledSigmaRate(t) }
}
