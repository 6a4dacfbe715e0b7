import Diffusion
import Fitting
import Synchronization
import Tensors

/// Another denoiser that remembers the times at which it is asked.
final class Recording: Denoiser {
    private let denoiser: MixtureDenoiser<Double>
    private let met = Mutex(Set<Double>())

    init(_ denoiser: MixtureDenoiser<Double>) { self.denoiser = denoiser }

    var times: [Double] { met.withLock { Array($0) } }
    var sampleShape: [Int] { denoiser.sampleShape }
    var hasPullback: Bool { denoiser.hasPullback }
    var labelCount: Int { denoiser.labelCount }

    func denoise(_ x: Tensor<Double>, at times: [Double], given condition: Condition) throws -> Tensor<Double> {
        met.withLock { $0.formUnion(times) }
        return try denoiser.denoise(x, at: times, given: condition)
    }

    func linearize(_ x: Tensor<Double>, at times: [Double], given condition: Condition) throws -> Linearization<Double>
    {
        met.withLock { $0.formUnion(times) }
        return try denoiser.linearize(x, at: times, given: condition)
    }
}

/// Another denoiser that is NaN, or whose gradients alone are, at all times but some.
struct Fragile: Denoiser {
    let denoiser: MixtureDenoiser<Double>
    let safe: [Double]
    var onlyGradients = false

    var sampleShape: [Int] { denoiser.sampleShape }
    var hasPullback: Bool { denoiser.hasPullback }
    var labelCount: Int { denoiser.labelCount }

    private func isSafe(_ times: [Double]) -> Bool {
        times.allSatisfy { time in safe.contains { abs($0 - time) < 1e-9 * time } }
    }

    func denoise(_ x: Tensor<Double>, at times: [Double], given condition: Condition) throws -> Tensor<Double> {
        let isBroken = !onlyGradients && !isSafe(times)
        return try denoiser.denoise(isBroken ? x.map { _ in .nan } : x, at: times, given: condition)
    }

    func linearize(_ x: Tensor<Double>, at times: [Double], given condition: Condition) throws -> Linearization<Double>
    {
        let isSafe = isSafe(times)
        let whole = try denoiser.linearize(x, at: times, given: condition)
        guard !isSafe else { return whole }
        let value = onlyGradients ? whole.value : x.map { _ in .nan }
        return Linearization(value: value) { try whole.pullback($0.map { _ in .nan }) }
    }
}

/// The l2 loss, which is NaN for some samples [1, 4] of some pairs.
struct Overflowing: Loss {
    private let base: PixelLoss<Double>
    private let overflows: @Sendable (_ sample: Tensor<Double>, _ pair: Int) -> Bool

    init(_ targets: Tensor<Double>, _ overflows: @escaping @Sendable (Tensor<Double>, Int) -> Bool) {
        base = PixelLoss(.l2, targets: targets)
        self.overflows = overflows
    }

    func values(_ samples: Tensor<Double>, pairs: [Int]) -> [Double] {
        zip(base.values(samples, pairs: pairs), pairs).enumerated().map { row, value in
            overflows(samples.samples(row..<row + 1), value.1) ? .nan : value.0
        }
    }

    func gradients(_ samples: Tensor<Double>, pairs: [Int]) -> LossGradients<Double> {
        let whole = base.gradients(samples, pairs: pairs)
        let values = values(samples, pairs: pairs)
        return LossGradients(
            values: values, samples: whole.samples.scaled(bySample: values.map { $0.isNaN ? .nan : 1 }))
    }
}
