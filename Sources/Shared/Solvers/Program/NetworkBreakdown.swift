/// A network returned NaN or infinity. Only the executor and a sampler in another process throw this error.
package struct NetworkBreakdown: Error, Equatable, Sendable, CustomStringConvertible {
    /// The seed of the sample; nil if the caller gave no seeds.
    package let seed: Int64?
    /// The place of the sample in its batch.
    package let sample: Int
    /// The solver's step, counted from 0.
    package let step: Int
    /// The model time.
    package let time: Double
    /// Whether a gradient of the network was not finite, instead of its output.
    package let isGradient: Bool

    package init(seed: Int64?, sample: Int, step: Int, time: Double, isGradient: Bool) {
        self.seed = seed
        self.sample = sample
        self.step = step
        self.time = time
        self.isGradient = isGradient
    }

    package var description: String {
        let name = seed.map { "seed \($0)" } ?? "sample \(sample)"
        return
            "\(name), step \(step), t = \(time): the network\(isGradient ? "'s gradient has" : " returned") NaN or infinity"
    }
}
