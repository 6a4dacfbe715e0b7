import Tensors

/// A quantity that a network may predict. Each is linear in the state x and the data prediction D at one time
/// (docs/methods/processes.md, "Predictions").
package enum Prediction: String, Sendable, CaseIterable {
    /// The data, written D.
    case data
    /// The noise e = (x - alpha D) / sigma.
    case noise
    /// The velocity alpha e - sigma D. On a flow it is D - e, which is minus the velocity of the ODE.
    case velocity
    /// The score -e / sigma.
    case score

    /// Returns the weights of x and of D that make this prediction at time t.
    package func weights<T: Real>(_ process: NoiseProcess, at t: T) -> (state: T, data: T) {
        let (alpha, sigma) = (process.alpha(t), process.sigma(t))
        switch self {
        case .data: return (0.0, 1.0)
        case .noise: return (1.0 / sigma, -alpha / sigma)
        case .velocity: return process.velocity(at: t)
        case .score: return (-1.0 / (sigma * sigma), alpha / (sigma * sigma))
        }
    }

    /// Returns the weights of x and of this prediction that give D back at time t.
    package func inverse<T: Real>(_ process: NoiseProcess, at t: T) -> (state: T, prediction: T) {
        let (alpha, sigma) = (process.alpha(t), process.sigma(t))
        switch self {
        case .data: return (0.0, 1.0)
        case .noise: return (1.0 / alpha, -sigma / alpha)
        case .velocity: return process.data(fromVelocityAt: t)
        case .score: return (1.0 / alpha, sigma * sigma / alpha)
        }
    }
}
