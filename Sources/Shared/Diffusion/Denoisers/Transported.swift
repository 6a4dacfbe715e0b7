import Tensors

/// A denoiser given in EDM coordinates, D(x / alpha; sigma / alpha), seen under another process (M1.1): the same
/// function of the data, with that process' own states and times.
package struct Transported<Element: TensorElement>: Denoiser {
    /// Its times are EDM's sigma.
    private let base: any Denoiser<Element>
    package let process: NoiseProcess

    package var sampleShape: [Int] { base.sampleShape }
    package var hasPullback: Bool { base.hasPullback }
    package var labelCount: Int { base.labelCount }

    /// - Parameter process: alpha must be positive wherever the denoiser is asked; not so at the start of a flow.
    package init(_ base: any Denoiser<Element>, to process: NoiseProcess) {
        self.base = base
        self.process = process
    }

    package func denoise(_ x: Tensor<Element>, at times: [Double], given condition: Condition) throws -> Tensor<Element>
    {
        if case .edm = process { return try base.denoise(x, at: times, given: condition) }
        let scales = times.map { 1 / process.alpha($0) }
        return try base.denoise(x.scaled(bySample: scales), at: times.map(process.scaledSigma), given: condition)
    }

    package func linearize(
        _ x: Tensor<Element>, at times: [Double], given condition: Condition
    ) throws -> Linearization<Element> {
        if case .edm = process { return try base.linearize(x, at: times, given: condition) }
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
