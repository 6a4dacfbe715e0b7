import Tensors

// The numbers by which lists and other programs tell a time of a process.

extension NoiseProcess {
    /// Returns the noise level that a list of sigmas tells for a time: s = sigma / alpha, but on a flow sigma itself, which
    /// is t.
    package func listedSigma<T: Real>(_ t: T) -> T { self == .flow ? t : scaledSigma(t) }

    /// Returns the t of a noise level that a list of sigmas tells.
    package func time<T: Real>(listedSigma sigma: T) -> T { self == .flow ? sigma : time(scaledSigma: sigma) }

    /// Returns the time step of t: N t - 1 for a table of N noise levels, 1000 t on a flow. Returns nil for other processes,
    /// which have no time steps.
    package func timestep(_ t: Double) -> Double? {
        if self == .flow { return Self.flowTimesteps * t }
        return table.map { Double($0.count) * t - 1 }
    }

    /// Returns the t of a time step, or nil if the process has no time steps.
    package func time(timestep: Double) -> Double? {
        if self == .flow { return timestep / Self.flowTimesteps }
        return table.map { (timestep + 1) / Double($0.count) }
    }

    /// Flow models are told 1000 t.
    private static let flowTimesteps = 1000.0
}
