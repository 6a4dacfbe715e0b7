import Diffusion

/// The number in which reports compare the steps of a schedule: the log-SNR, or sigma if the log-SNR is infinite at an end of
/// the process.
package struct NoiseMeasure: Sendable {
    package let name: String
    private let process: NoiseProcess

    /// Returns nil if the noise levels are not known.
    package init?(_ process: NoiseProcess) {
        guard process.hasNoiseLevels else { return nil }
        self.process = process
        name = process.hasFiniteLogSNR ? "log-SNR" : "sigma"
    }

    package func callAsFunction(_ time: Double) -> Double {
        // Lambda is half the log-SNR.
        process.hasFiniteLogSNR ? 2 * process.lambda(time) : process.listedSigma(time)
    }
}
