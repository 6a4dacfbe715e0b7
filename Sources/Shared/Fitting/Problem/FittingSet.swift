import Diffusion
import Solvers
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

    /// D(x_T; T) of every latent, in batches; no parameter changes it, nor any number of steps. Throws `internal`, naming
    /// the seed, where it is not finite.
    package func firstOutputs(
        _ denoiser: any Denoiser<Element>, at start: Double, startScale: Double, batch: Int
    ) throws -> Tensor<Element> {
        var program = StepProgram<Double>()
        program.finishStep(program.evaluate(program.start, at: start))
        return Tensor.concatenate(
            try Array(0..<count).chunks(of: batch).map { chunk in
                let states = latents.gather(chunk).scaled(by: startScale)
                let executor = Executor(
                    denoiser: denoiser, given: pairs.condition.rows(chunk), seeds: chunk.map { pairs.seeds[$0] })
                return try executor.run(program, from: states)
            })
    }

    /// Puts the latents of the pairs at `indices` back on their own noises. False where they are there already.
    mutating func putBack(_ indices: [Int]) -> Bool {
        let noise = pairs.noise.gather(indices)
        guard latents.gather(indices) != noise else { return false }
        latents.scatter(noise, to: indices)
        firstOutputs = nil
        return true
    }

    /// The first `count` pairs, which have the first targets of the loss.
    func prefix(_ count: Int) -> FittingSet {
        guard count < self.count else { return self }
        var set = FittingSet(pairs[0..<count], loss: loss)
        set.latents = latents.samples(0..<count)
        set.firstOutputs = firstOutputs?.samples(0..<count)
        return set
    }

    /// The same pairs with the latents back on their own noise: what the hard loss is taken on.
    package var hard: FittingSet {
        guard latents != pairs.noise else { return self }
        var set = self
        set.latents = pairs.noise
        set.firstOutputs = nil
        return set
    }
}
