import Diagnostics
import Tensors

/// Classifier-free guidance (M2.4): D = D_u + w (D_c - D_u), the same as e = e_u + w (e_c - e_u).
///
/// Conditional and unconditional halves run as one batch of twice the size, unconditional first. Without labels, and
/// with w = 1, there is one pass only.
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

    package func denoise(_ x: Tensor<Element>, at times: [Double], labels: [Int]?) throws -> Tensor<Element> {
        guard let labels, weight != 1 else { return try base.denoise(x, at: times, labels: labels) }
        let both = try base.denoise(.concatenate([x, x]), at: times + times, labels: doubled(labels))
        return extrapolate(both)
    }

    package func linearize(
        _ x: Tensor<Element>, at times: [Double], labels: [Int]?
    ) throws -> Linearization<Element> {
        guard let labels, weight != 1 else { return try base.linearize(x, at: times, labels: labels) }
        let both = try base.linearize(.concatenate([x, x]), at: times + times, labels: doubled(labels))
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

    private func doubled(_ labels: [Int]) -> [Int] { [Int](repeating: -1, count: labels.count) + labels }

    private func extrapolate(_ both: Tensor<Element>) -> Tensor<Element> {
        let (unconditional, conditional) = halves(both)
        return weightedSum(1 - weight, unconditional, weight, conditional)
    }
}

private func halves<Element>(_ both: Tensor<Element>) -> (Tensor<Element>, Tensor<Element>) {
    let count = both.batch / 2
    return (both.samples(0..<count), both.samples(count..<2 * count))
}
