import Diffusion
import Tensors

/// A process at the times of a solver, with what its coefficients are made of.
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

    /// The prediction whose constancy makes Euler's step exact: noise, or velocity on the flow process.
    var slope: Prediction { process == .flow ? .velocity : .noise }

    /// The variable in which x / alpha (x itself on a flow) is the integral of `slope`: s, or -t on a flow (M1.1).
    func clock(_ t: T) -> T { process == .flow ? -t : process.scaledSigma(t) }

    /// Weights that carry a state from time t to time u: u's state = `state` x + `slope` (integral of the slope).
    func carry(from t: T, to u: T) -> (state: T, slope: T) {
        if process == .flow { return (1.0, 1.0) }
        let target = process.alpha(u)
        return (target / process.alpha(t), target)
    }
}
