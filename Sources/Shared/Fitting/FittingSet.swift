import Tensors

/// Pairs with their losses' targets and the latents that have moved away from their noises.
package struct FittingSet<Element: TensorElement>: Sendable {
    package let pairs: Pairs<Element>
    package let loss: any Loss<Element>
    /// z: where each solve starts, in units of the noise, [P, sample shape].
    package var latents: Tensor<Element>
    /// D(x_T; T) at the latents, which no parameter changes (M5.12 R2); nil until computed or where not wanted.
    package var firstOutputs: Tensor<Element>?

    package init(_ pairs: Pairs<Element>, loss: any Loss<Element>) {
        self.pairs = pairs
        self.loss = loss
        latents = pairs.noise
    }

    package var count: Int { pairs.count }

    /// The same pairs with the latents back on their own noise: what the hard loss is taken on.
    package var hard: FittingSet {
        var set = self
        set.latents = pairs.noise
        set.firstOutputs = nil
        return set
    }
}
