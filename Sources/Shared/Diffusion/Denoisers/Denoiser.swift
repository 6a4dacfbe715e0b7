import Tensors

/// A diffusion model as solvers see it: the data prediction D(x; t), with its pullback.
///
/// x is [B, sample shape]; `times` holds B times of the process (sigma for EDM); `condition` has B rows, or is empty. The result
/// has the shape of x. The result of a sample depends on that sample alone, bit for bit, whatever the batch.
package protocol Denoiser<Element>: Sendable {
    associatedtype Element: TensorElement

    var sampleShape: [Int] { get }
    /// Whether `linearize` works; a denoiser in another process may lack it.
    var hasPullback: Bool { get }
    /// The number of classes; 0 for a model without classes.
    var labelCount: Int { get }

    func denoise(_ x: Tensor<Element>, at times: [Double], given condition: Condition) throws -> Tensor<Element>

    /// Returns the value of `denoise`, and a closure that pulls a cotangent back. The closure may hold the network's activations;
    /// drop it as soon as it is not needed.
    func linearize(_ x: Tensor<Element>, at times: [Double], given condition: Condition) throws -> Linearization<
        Element
    >
}

/// D(x; t), and the transpose of its derivative there.
package struct Linearization<Element: TensorElement> {
    package let value: Tensor<Element>
    /// Returns the cotangents of x and of the times for one of the value, [B, sample shape].
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
