import Diagnostics
import Tensors

/// Classifier-free guidance: D = D_u + w (D_c - D_u), with the unconditional D_u and the conditional D_c (Ho and Salimans
/// 2022). The noise prediction obeys the same rule.
///
/// Both halves run as one batch of twice the size, the unconditional one first. If the samples have neither classes nor
/// prompts, or if w = 1, the conditional half runs alone.
package struct Guided<Element: TensorElement>: ResizableDenoiser {
    private let base: any Denoiser<Element>
    package let weight: Double

    package var sampleShape: [Int] { base.sampleShape }
    package var hasPullback: Bool { base.hasPullback }
    package var labelCount: Int { base.labelCount }

    package init(_ base: any Denoiser<Element>, weight: Double) {
        self.base = base
        self.weight = weight
    }

    package var acceptedShapes: String { (base as? any ResizableDenoiser<Element>)?.acceptedShapes ?? "\(sampleShape)" }

    package func resized(to sampleShape: [Int]) -> (any Denoiser<Element>)? {
        (base as? any ResizableDenoiser<Element>)?.resized(to: sampleShape).map { Guided($0, weight: weight) }
    }

    package func denoise(_ x: Tensor<Element>, at times: [Double], given condition: Condition) throws -> Tensor<Element>
    {
        guard leads(condition) else { return try base.denoise(x, at: times, given: condition) }
        return extrapolate(try base.denoise(x, at: times, givenEach: [condition.unconditional, condition]))
    }

    package func linearize(
        _ x: Tensor<Element>, at times: [Double], given condition: Condition
    ) throws -> Linearization<Element> {
        guard leads(condition) else { return try base.linearize(x, at: times, given: condition) }
        let both = try base.linearize(x, at: times, givenEach: [condition.unconditional, condition])
        return Linearization(value: extrapolate(both.values)) { [weight] cotangent in
            try both.pullback([cotangent.scaled(by: 1 - weight), cotangent.scaled(by: weight)])
        }
    }

    /// Whether there is something to lead towards, and a weight other than that of the plain network.
    private func leads(_ condition: Condition) -> Bool { weight != 1 && condition.canGuide }

    private func extrapolate(_ both: [Tensor<Element>]) -> Tensor<Element> {
        weightedSum(1 - weight, both[0], weight, both[1])
    }
}
