import Tensors

/// What a network predicts; all of them are linear in (x, D) at one time (M2.1, M1.8).
package enum Prediction: String, Sendable, CaseIterable {
    /// x_0, written D.
    case data
    /// The noise e = (x - alpha D) / sigma.
    case noise
    /// v = alpha e - sigma D; on the flow process D - e, minus the ODE's velocity.
    case velocity
    /// The score -e / sigma.
    case score

    /// The weights (of x, of D) that make this prediction at time t.
    package func weights<T: Real>(_ process: NoiseProcess, at t: T) -> (state: T, data: T) {
        let (alpha, sigma) = (process.alpha(t), process.sigma(t))
        switch self {
        case .data: return (0.0, 1.0)
        case .noise: return (1.0 / sigma, -alpha / sigma)
        case .velocity:
            // alpha + sigma = 1 on the flow: v = D - (x - alpha D) / sigma.
            if process == .flow { return (-1.0 / sigma, 1.0 / sigma) }
            return (alpha / sigma, -(alpha * alpha + sigma * sigma) / sigma)
        case .score: return (-1.0 / (sigma * sigma), alpha / (sigma * sigma))
        }
    }

    /// The weights (of x, of the prediction) that give D back at time t.
    package func inverse<T: Real>(_ process: NoiseProcess, at t: T) -> (state: T, prediction: T) {
        let (alpha, sigma) = (process.alpha(t), process.sigma(t))
        switch self {
        case .data: return (0.0, 1.0)
        case .noise: return (1.0 / alpha, -sigma / alpha)
        case .velocity:
            if process == .flow { return (1.0, sigma) }
            let power = alpha * alpha + sigma * sigma
            return (alpha / power, -sigma / power)
        case .score: return (1.0 / alpha, sigma * sigma / alpha)
        }
    }
}
