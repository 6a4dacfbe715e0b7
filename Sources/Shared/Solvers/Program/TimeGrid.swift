import Diffusion
import Tensors

/// A process at the times of a solver, from which coefficients are made.
struct TimeGrid<T: Real> {
    let process: NoiseProcess
    let times: [T]
    let alpha: [T]
    let sigma: [T]
    let lambda: [T]

    init(process: NoiseProcess, times: [T]) {
        self.process = process
        self.times = times
        alpha = times.map { process.alpha($0) }
        sigma = times.map { process.sigma($0) }
        lambda = times.map { process.lambda($0) }
    }

    var steps: Int { times.count - 1 }

    /// Returns lambda_j - lambda_k.
    func rise(from k: Int, to j: Int) -> T { lambda[j] - lambda[k] }

    /// Returns (lambda_j - lambda_k) / h for a step of finite h. If lambda_k is infinite, the result is too, and has no
    /// derivative.
    func ratio(from k: Int, to j: Int, by h: T) -> T {
        let rise = rise(from: k, to: j)
        return rise.value.isInfinite ? T(rise.value) : rise / h
    }

    /// Whether step i = 1...N begins or ends where lambda is infinite.
    func isUnbounded(step i: Int) -> Bool { rise(from: i - 1, to: i).value.isInfinite }
}
