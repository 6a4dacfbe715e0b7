import Tensors

// The numbers by which lists and other programs tell a time of a process.

extension NoiseProcess {
    /// Returns the noise level that a list of sigmas tells for a time: s = sigma / alpha, but on a flow sigma itself.
    package func listedSigma<T: Real>(_ t: T) -> T { isFlow ? sigma(t) : scaledSigma(t) }

    /// Returns the t of a noise level that a list of sigmas tells.
    package func time<T: Real>(listedSigma sigma: T) -> T {
        if case .flow(let shift) = self { return shifted(sigma, by: 1 / shift) }
        return time(scaledSigma: sigma)
    }

    /// Returns the time step of t: N t - 1 for a table of N noise levels, 1000 sigma on a flow. Returns nil for other processes,
    /// which have no time steps.
    package func timestep(_ t: Double) -> Double? {
        if isFlow { return Self.flowTimesteps * sigma(t) }
        return table.map { Double($0.count) * t - 1 }
    }

    /// Returns the t of a time step, or nil if the process has no time steps.
    package func time(timestep: Double) -> Double? {
        if isFlow { return time(listedSigma: timestep / Self.flowTimesteps) }
        return table.map { (timestep + 1) / Double($0.count) }
    }

    /// Flow models are told 1000 sigma.
    private static let flowTimesteps = 1000.0
}
