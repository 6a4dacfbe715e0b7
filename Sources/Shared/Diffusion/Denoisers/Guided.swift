import Diagnostics
import Tensors

/// Classifier-free guidance: D = D_u + w (D_c - D_u), with the unconditional D_u and the conditional D_c (Ho and Salimans
/// 2022). The noise prediction obeys the same rule.
///
/// Both halves run as one batch of twice the size, the unconditional one first. If the samples have neither classes nor
/// prompts, or if w = 1, the network runs once.
package struct Guided<Element: TensorElement>: Denoiser {
    private let base: any Denoiser<Element>
    package let weight: Double

    package var sampleShape: [Int] { base.sampleShape }
    package var hasPullback: Bool { base.hasPullback }
    package var labelCount: Int { base.labelCount }

    package init(_ base: any Denoiser<Element>, weight: Double) {
        self.base = base
        self.weight = weight
    }

    package func denoise(_ x: Tensor<Element>, at times: [Double], given condition: Condition) throws -> Tensor<Element>
    {
        guard leads(condition) else { return try base.denoise(x, at: times, given: condition) }
        let both = try base.denoise(.concatenate([x, x]), at: times + times, given: doubled(condition, count: x.batch))
        return extrapolate(both)
    }

    package func linearize(
        _ x: Tensor<Element>, at times: [Double], given condition: Condition
    ) throws -> Linearization<Element> {
        guard leads(condition) else { return try base.linearize(x, at: times, given: condition) }
        let both = try base.linearize(
            .concatenate([x, x]), at: times + times, given: doubled(condition, count: x.batch))
        let weight = self.weight
        return Linearization(value: extrapolate(both.value)) { cotangent in
            let pulled = try both.pullback(
                .concatenate([
                    cotangent.scaled(by: 1 - weight),
                    cotangent.scaled(by: weight),
                ]))
            let (first, second) = halves(pulled.x)
            let count = times.count
            return Cotangents(
                x: weightedSum(1, first, 1, second),
                times: (0..<count).map { pulled.times[$0] + pulled.times[count + $0] }
            )
        }
    }

    /// Whether there is something to lead towards, and a weight other than that of the plain network.
    private func leads(_ condition: Condition) -> Bool {
        weight != 1 && (condition.classes != nil || condition.prompts != nil)
    }

    private func doubled(_ condition: Condition, count: Int) throws -> Condition {
        try .concatenate([condition.unconditional, condition], counts: [count, count])
    }

    private func extrapolate(_ both: Tensor<Element>) -> Tensor<Element> {
        let (unconditional, conditional) = halves(both)
        return weightedSum(1 - weight, unconditional, weight, conditional)
    }
}

private func halves<Element>(_ both: Tensor<Element>) -> (Tensor<Element>, Tensor<Element>) {
    let count = both.batch / 2
    return (both.samples(0..<count), both.samples(count..<2 * count))
}
