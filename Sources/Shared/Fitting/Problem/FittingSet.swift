import Diffusion
import Solvers
import Tensors

/// Pairs with the loss to their targets and with their moved noises.
package struct FittingSet<Element: TensorElement>: Sendable {
    package let pairs: Pairs<Element>
    package let loss: any Loss<Element>
    /// The noises that solves start from, x'_T of the paper's Algorithm 1 in units of the noise, [P, sample shape].
    package var movedNoises: Tensor<Element>
    /// D(x_T; T) at the moved noises, which no parameter changes, [P, sample shape]; nil until it is computed, or if it
    /// is not to be kept.
    package var firstOutputs: Tensor<Element>?

    package init(_ pairs: Pairs<Element>, loss: any Loss<Element>) {
        self.pairs = pairs
        self.loss = loss
        movedNoises = pairs.noise
    }

    package var count: Int { pairs.count }

    /// Returns D(x_T; T) of every moved noise, [P, sample shape]. Throws `NetworkBreakdown` if it is not finite.
    package func firstOutputs(
        _ denoiser: any Denoiser<Element>, at start: Double, startScale: Double, batch: Int
    ) throws -> Tensor<Element> {
        var program = StepProgram<Double>()
        program.finishStep(program.evaluate(program.start, at: start))
        return Tensor.concatenate(
            try Array(0..<count).chunks(of: batch).map { chunk in
                let executor = Executor(
                    denoiser: denoiser, given: pairs.condition.rows(chunk), seeds: chunk.map { pairs.seeds[$0] })
                return try executor.run(program, from: movedNoises.gather(chunk).scaled(by: startScale))
            })
    }

    /// Puts the moved noises of the pairs at `indices` back on their own noises. Returns false if they are there
    /// already.
    package mutating func putBack(_ indices: [Int]) -> Bool {
        let noise = pairs.noise.gather(indices)
        guard movedNoises.gather(indices) != noise else { return false }
        movedNoises.scatter(noise, to: indices)
        firstOutputs = nil
        return true
    }

    /// The first `count` pairs, which have the first targets of the loss.
    package func prefix(_ count: Int) -> FittingSet {
        guard count < self.count else { return self }
        var set = FittingSet(pairs[0..<count], loss: loss)
        set.movedNoises = movedNoises.samples(0..<count)
        set.firstOutputs = firstOutputs?.samples(0..<count)
        return set
    }

    /// This set with every moved noise back on its own noise: the loss on it is the hard one.
    package var hard: FittingSet {
        guard movedNoises != pairs.noise else { return self }
        var set = self
        set.movedNoises = pairs.noise
        set.firstOutputs = nil
        return set
    }
}
