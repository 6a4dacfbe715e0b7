import Tensors

/// The VP time of a process: its own, or on EDM's process that of the linear VP process with the same range of s.
package struct VPTime: Sendable {
    private let process: NoiseProcess
    /// Set for a process without a VP time of its own.
    private let fit: LinearVPFit?

    package init(_ process: NoiseProcess) {
        self.process = process
        if case .edm(let minimum, let maximum) = process {
            fit = LinearVPFit(minimum: minimum, maximum: maximum)
        } else {
            fit = nil
        }
    }

    /// Returns the VP time of the process' own time.
    package func time<T: Real>(_ t: T) -> T { fit?.time(scaledSigma: t) ?? t }

    /// Returns the derivative of s in the VP time, at a VP time.
    package func rate<T: Real>(_ t: T) -> T { fit?.rate(t) ?? process.scaledSigmaRate(t) }
}
