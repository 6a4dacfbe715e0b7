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
}
