import Diagnostics
import Diffusion
import Solvers
import Tensors

/// A rule that places N + 1 times from T to t_min, both exact, or a table of times (docs/methods/heuristics.md, "Named
/// grids").
package enum Discretization: Sendable, Equatable {
    /// Equal steps in t.
    case uniform
    /// t_i = t_min + ((N - i) / N)^rho (T - t_min). With rho = 2 it is LD3's "quadratic".
    case polynomial(rho: Double)
    /// EDM's grid: equal steps in the seventh root of s = sigma / alpha (Karras et al. 2022, Eq. 5).
    case edm
    /// EDM's formula applied to t, as the reference LD3 does on VP processes.
    case edmTime
    /// Equal steps in lambda.
    case logSNR
    /// Equal steps in the rho-th root of the time of the linear VP process with the same range of s: GITS' "time_uniform"
    /// (docs/methods/heuristics.md, "Grids of GITS").
    case vpTime(rho: Double)
    /// Equal steps in u, where (t - t_min) / (T - t_min) = K u / (1 + (K - 1) u): the grid of flow models with the shift K
    /// (Esser et al. 2024, Eq. 23).
    case shift(Double)
    /// s = c tan(theta) with equal steps in theta. It is optimal for Gaussian data of deviation c
    /// (docs/methods/heuristics.md, "Arctangent").
    case arctan(deviation: Double)
    /// A published table or the user's own list, which may end elsewhere than at t_min.
    case tabulated(TabulatedSchedule)

    package static let quadratic = Discretization.polynomial(rho: 2)

    /// Returns N + 1 falling times of `process`. Throws a usage failure if the rule does not fit the process or the number of
    /// steps.
    package func times(steps: Int, process: NoiseProcess) throws -> [Double] {
        try requireKnownNoiseLevels(process)
        guard steps >= 1 else {
            throw Failure(
                .data, place: "discretization \(spelling)", "makes no step of the process \(process.spelling)",
                suggestion: "a step needs two times")
        }
        let (start, end) = (process.start, process.end)
        var times: [Double]
        switch self {
        case .tabulated(let table):
            return try table.times(steps: steps, process: process)
        case .uniform:
            times = Self.linear(from: start, to: end, steps: steps)
        case .polynomial(let rho):
            times = (0...steps).map { end + Double.pow(Double(steps - $0) / Double(steps), rho) * (start - end) }
        case .shift(let shift):
            times = (0...steps).map { end + shifted(Double(steps - $0) / Double(steps), by: shift) * (start - end) }
        case .edmTime:
            times = Self.rooted(from: start, to: end, rho: 7, steps: steps)
        case .edm:
            try requireFiniteLogSNR(process)
            times = Self.rooted(
                from: process.scaledSigma(start), to: process.scaledSigma(end), rho: 7, steps: steps
            ).map { process.time(scaledSigma: $0) }
        case .logSNR:
            try requireFiniteLogSNR(process)
            times = Self.linear(from: process.lambda(start), to: process.lambda(end), steps: steps)
                .map { process.time(lambda: $0) }
        case .vpTime(let rho):
            try requireFiniteLogSNR(process)
            let fit = LinearVPFit(minimum: process.scaledSigma(end), maximum: process.scaledSigma(start))
            times = Self.rooted(from: 1, to: LinearVPFit.end, rho: rho, steps: steps)
                .map { process.time(scaledSigma: fit.scaledSigma($0)) }
        case .arctan(let deviation):
            let first = Double.atan(process.scaledSigma(start) / deviation)
            let last = Double.atan(process.scaledSigma(end) / deviation)
            times = Self.linear(from: first, to: last, steps: steps)
                .map { process.time(scaledSigma: deviation * Double.tan($0)) }
        }
        times[0] = start
        times[steps] = end
        return times
    }

    /// Returns the times, or nil if the rule does not fit the process or the number of steps.
    package func timesIfDefined(steps: Int, process: NoiseProcess) throws -> [Double]? {
        do {
            return try times(steps: steps, process: process)
        } catch let failure as Failure where failure.status == .usage {
            return nil
        }
    }

    /// Returns the number of steps if the rule allows only one. `process` is nil if it is not known yet.
    package func fixedSteps(process: NoiseProcess?) -> Int? {
        if case .tabulated(let table) = self { return table.fixedSteps(process: process) }
        return nil
    }

    /// Throws `usage` if the rule reads noise levels and the process has none.
    private func requireKnownNoiseLevels(_ process: NoiseProcess) throws {
        guard !process.hasNoiseLevels else { return }
        switch self {
        case .uniform, .polynomial, .shift: return
        case .tabulated(let table) where table.quantity == .time: return
        default:
            throw Failure(
                .usage, place: "discretization \(spelling)",
                "needs noise levels, which a sampler with the times \(process.spelling) keeps to itself",
                suggestion: "use uniform, quadratic, polynomial:RHO, shift:K or times:FILE")
        }
    }

    private func requireFiniteLogSNR(_ process: NoiseProcess) throws {
        guard process.hasFiniteLogSNR else {
            throw Failure(
                .usage, place: "discretization \(spelling)",
                "needs a finite log-SNR at both ends, which \(process.spelling) lacks",
                suggestion: "use uniform, shift:K, quadratic, polynomial:RHO, edm-time or arctan:C")
        }
    }

    /// Returns steps + 1 values with equal steps between two values.
    static func linear(from first: Double, to last: Double, steps: Int) -> [Double] {
        (0...steps).map { first + Double($0) / Double(steps) * (last - first) }
    }

    /// Returns steps + 1 values with equal steps in their rho-th root.
    static func rooted(from first: Double, to last: Double, rho: Double, steps: Int) -> [Double] {
        linear(from: Double.pow(first, 1 / rho), to: Double.pow(last, 1 / rho), steps: steps)
            .map { Double.pow($0, rho) }
    }
}

// MARK: - Names

extension Discretization {
    package static let spellings = [
        "uniform", "quadratic", "polynomial:RHO", "edm", "edm-time", "logsnr", "vp-time:RHO", "arctan:C", "shift:K",
        "ays:NAME", "gits:NAME", "dmn:NAME", "sigmas:FILE", "logsnrs:FILE", "times:FILE", "timesteps:FILE",
    ]

    /// Makes the discretization of a name. Returns nil if `spelling` is no name, and so may be a file. Throws a usage
    /// failure if the name is known but its argument is not good.
    package init?(spelling: String) throws {
        let name = spelling.prefix { $0 != ":" }
        let argument = spelling.contains(":") ? String(spelling.dropFirst(name.count + 1)) : nil
        switch (name, argument) {
        case ("uniform", nil): self = .uniform
        case ("quadratic", nil): self = .quadratic
        case ("edm", nil): self = .edm
        case ("edm-time", nil): self = .edmTime
        case ("logsnr", nil): self = .logSNR
        case ("polynomial", _): self = .polynomial(rho: try Self.positive(argument, in: spelling))
        case ("vp-time", _): self = .vpTime(rho: try Self.positive(argument ?? "1", in: spelling))
        case ("shift", _): self = .shift(try Self.positive(argument, in: spelling))
        case ("arctan", _): self = .arctan(deviation: try Self.positive(argument, in: spelling))
        default:
            guard let table = try TabulatedSchedule(spelling: spelling) else { return nil }
            self = .tabulated(table)
        }
    }

    private static func positive(_ argument: String?, in spelling: String) throws -> Double {
        guard let argument, let number = Double(argument), number > 0, number.isFinite else {
            throw Failure(
                .usage, "`\(spelling)` needs a positive number after the colon",
                suggestion: "for example polynomial:3, shift:3 or arctan:0.5")
        }
        return number
    }

    package var spelling: String {
        switch self {
        case .uniform: "uniform"
        case .polynomial(2): "quadratic"
        case .polynomial(let rho): "polynomial:\(rho)"
        case .edm: "edm"
        case .edmTime: "edm-time"
        case .logSNR: "logsnr"
        case .vpTime(let rho): "vp-time:\(rho)"
        case .shift(let shift): "shift:\(shift)"
        case .arctan(let deviation): "arctan:\(deviation)"
        case .tabulated(let table): table.spelling
        }
    }
}
