import Tensors

/// A denoiser of a flow that is told sigma, under the flow with a shift, whose states are the same.
package struct Unshifted<Element: TensorElement>: ResizableDenoiser {
    /// The denoiser that is told sigma.
    private let base: any Denoiser<Element>
    package let process: NoiseProcess

    package var sampleShape: [Int] { base.sampleShape }
    package var hasPullback: Bool { base.hasPullback }
    package var labelCount: Int { base.labelCount }

    /// - Parameter process: the flow with a shift.
    package init(_ base: any Denoiser<Element>, under process: NoiseProcess) {
        self.base = base
        self.process = process
    }

    package var acceptedShapes: String { (base as? any ResizableDenoiser<Element>)?.acceptedShapes ?? "\(sampleShape)" }

    package func resized(to sampleShape: [Int]) -> (any Denoiser<Element>)? {
        (base as? any ResizableDenoiser<Element>)?.resized(to: sampleShape).map { Unshifted($0, under: process) }
    }

    package func denoise(_ x: Tensor<Element>, at times: [Double], given condition: Condition) throws -> Tensor<Element>
    {
        try base.denoise(x, at: times.map { process.sigma($0) }, given: condition)
    }

    package func linearize(
        _ x: Tensor<Element>, at times: [Double], given condition: Condition
    ) throws -> Linearization<Element> {
        let sigmas = times.map { process.sigma(Dual.variable($0, index: 0, of: 1)) }
        let inner = try base.linearize(x, at: sigmas.map(\.value), given: condition)
        return Linearization(value: inner.value) { cotangent in
            let pulled = try inner.pullback(cotangent)
            return Cotangents(x: pulled.x, times: zip(pulled.times, sigmas).map { $0 * $1.partial(0) })
        }
    }
}
