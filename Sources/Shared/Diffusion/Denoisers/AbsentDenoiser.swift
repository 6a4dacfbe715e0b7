import Diagnostics
import Tensors

/// Stands in the place of a denoiser where a model is a sampler in another process, which keeps its network to itself. To ask
/// it is a failure of the user's: it throws `usage`.
package struct AbsentDenoiser<Element: TensorElement>: Denoiser {
    package let sampleShape: [Int]
    package let labelCount: Int
    package let hasPullback = false

    /// - Parameter sampleShape: that of the noises.
    package init(sampleShape: [Int], labelCount: Int) {
        self.sampleShape = sampleShape
        self.labelCount = labelCount
    }

    package func denoise(
        _ x: Tensor<Element>, at times: [Double], given condition: Condition
    ) throws -> Tensor<Element> {
        throw failure
    }

    package func linearize(
        _ x: Tensor<Element>, at times: [Double], given condition: Condition
    ) throws -> Linearization<Element> {
        throw failure
    }

    private var failure: Failure { Failure(.usage, place: "model", "is a sampler, of which no denoiser can be had") }
}
