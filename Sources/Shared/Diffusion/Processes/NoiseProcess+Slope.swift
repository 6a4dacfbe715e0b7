import Tensors

// The ODE of a process (paper, Eq. 3) as solvers see it: a state that follows a slope along a clock.

extension NoiseProcess {
    /// The prediction whose constancy makes a first-order step exact: the noise, or the velocity on a flow.
    package var slope: Prediction { isFlow ? .velocity : .noise }

    /// Returns the variable in which x / alpha is the integral of the slope: s. On a flow it is -sigma, and x itself is
    /// the integral.
    package func clock<T: Real>(_ t: T) -> T { isFlow ? -sigma(t) : scaledSigma(t) }

    /// Returns the weights that carry a state from time t to time u: the state at u is `state` x + `slope` times the
    /// integral of the slope over the clock.
    package func carry<T: Real>(from t: T, to u: T) -> (state: T, slope: T) {
        if isFlow { return (1.0, 1.0) }
        let target = alpha(u)
        return (target / alpha(t), target)
    }

    /// Returns the weights of x and of the slope, both at time t, that lead along the slope to the state without noise. It is
    /// the data prediction.
    package func stateWithoutNoise<T: Real>(from t: T) -> (state: T, slope: T) {
        isFlow ? (1.0, sigma(t)) : (1.0 / alpha(t), -scaledSigma(t))
    }

    /// Returns the variable of the ODE: t, or sigma on a flow, whatever its shift.
    package func odeTime<T: Real>(_ t: T) -> T { isFlow ? sigma(t) : t }

    /// Returns the weights of x and of the slope in the derivative of x by the variable of the ODE.
    package func derivative<T: Real>(_ t: T) -> (state: T, slope: T) {
        isFlow ? (0.0, -1.0) : (logAlphaRate(t), noiseRate(t))
    }
}

// MARK: - Velocity

extension NoiseProcess {
    /// Returns the weights of x and of the data prediction D in the velocity: alpha e - sigma D, and D - e on a flow.
    func velocity<T: Real>(at t: T) -> (state: T, data: T) {
        let (alpha, sigma) = (alpha(t), sigma(t))
        // On a flow alpha + sigma = 1, so that D - (x - alpha D) / sigma = (D - x) / sigma.
        if isFlow { return (-1.0 / sigma, 1.0 / sigma) }
        return (alpha / sigma, -(alpha * alpha + sigma * sigma) / sigma)
    }

    /// Returns the weights of x and of the velocity in the data prediction.
    func data<T: Real>(fromVelocityAt t: T) -> (state: T, prediction: T) {
        let (alpha, sigma) = (alpha(t), sigma(t))
        if isFlow { return (1.0, sigma) }
        let power = alpha * alpha + sigma * sigma
        return (alpha / power, -sigma / power)
    }
}
