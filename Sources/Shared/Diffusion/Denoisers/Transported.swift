import Tensors

/// A denoiser that was made for EDM's process, D(x / alpha; sigma / alpha), under another process: it makes the same prediction
/// from that process' states and times (docs/methods/processes.md, "The noise process").
package struct Transported<Element: TensorElement>: Denoiser {
    /// The denoiser under EDM's process.
    private let base: any Denoiser<Element>
    package let process: NoiseProcess

    package var sampleShape: [Int] { base.sampleShape }
    package var hasPullback: Bool { base.hasPullback }
    package var labelCount: Int { base.labelCount }

    /// - Parameter process: a process with positive alpha at all times at which the denoiser is asked; a flow has none at its
    ///   start.
    package init(_ base: any Denoiser<Element>, to process: NoiseProcess) {
        self.base = base
        self.process = process
    }

    package func denoise(_ x: Tensor<Element>, at times: [Double], given condition: Condition) throws -> Tensor<Element>
    {
        if process.timeIsNoiseLevel { return try base.denoise(x, at: times, given: condition) }
        let scales = times.map { 1 / process.alpha($0) }
        return try base.denoise(x.scaled(bySample: scales), at: times.map(process.scaledSigma), given: condition)
    }

    package func linearize(
        _ x: Tensor<Element>, at times: [Double], given condition: Condition
    ) throws -> Linearization<Element> {
        if process.timeIsNoiseLevel { return try base.linearize(x, at: times, given: condition) }
        let variables = times.map { Dual.variable($0, index: 0, of: 1) }
        let scales = variables.map { 1.0 / process.alpha($0) }
        let sigmas = variables.map { process.scaledSigma($0) }
        let inner = try base.linearize(
            x.scaled(bySample: scales.map(\.value)), at: sigmas.map(\.value), given: condition)
        return Linearization(value: inner.value) { cotangent in
            let pulled = try inner.pullback(cotangent)
            let products = times.indices.map { sample in
                x.samples(sample..<sample + 1).dot(pulled.x.samples(sample..<sample + 1))
            }
            return Cotangents(
                x: pulled.x.scaled(bySample: scales.map(\.value)),
                times: times.indices.map {
                    products[$0] * scales[$0].partial(0) + pulled.times[$0] * sigmas[$0].partial(0)
                })
        }
    }
}
