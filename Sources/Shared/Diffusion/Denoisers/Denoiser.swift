import Tensors

/// A diffusion model as everything above sees it: the x_0 prediction D(x; t), with its pullback.
///
/// Shapes: x is [B, sample shape]; `times` holds B values of the process' own time (sigma for EDM); `condition` has B rows, or is
/// empty. The result has x's shape. Every sample's result depends on that sample alone,
/// bit for bit, whatever the batch.
package protocol Denoiser<Element>: Sendable {
    associatedtype Element: TensorElement

    var sampleShape: [Int] { get }
    /// Whether `linearize` works (a foreign denoiser may lack it).
    var hasPullback: Bool { get }
    /// Number of classes; 0 for an unconditional model.
    var labelCount: Int { get }

    func denoise(_ x: Tensor<Element>, at times: [Double], given condition: Condition) throws -> Tensor<Element>

    /// The same value with the means to pull a cotangent back. The pullback may hold activations: drop it when done.
    func linearize(_ x: Tensor<Element>, at times: [Double], given condition: Condition) throws -> Linearization<
        Element
    >
}

/// D(x; t) and the transpose of its derivative there.
package struct Linearization<Element: TensorElement> {
    package let value: Tensor<Element>
    /// Cotangent of the value, [B, sample shape] -> cotangents of x [B, sample shape] and of the times [B].
    package let pullback: (Tensor<Element>) throws -> Cotangents<Element>

    package init(value: Tensor<Element>, pullback: @escaping (Tensor<Element>) throws -> Cotangents<Element>) {
        self.value = value
        self.pullback = pullback
    }
}

package struct Cotangents<Element: TensorElement> {
    /// [B, sample shape]
    package let x: Tensor<Element>
    /// [B]
    package let times: [Double]

    package init(x: Tensor<Element>, times: [Double]) {
        self.x = x
        self.times = times
    }
}
