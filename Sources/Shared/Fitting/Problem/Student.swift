import Diagnostics
import Diffusion
import Solvers
import Tensors

/// A few-step solver with parameters, ready to be run and differentiated on pairs.
package struct Student<Element: TensorElement, Family: ProgramFamily>: Sendable {
    package let denoiser: any Denoiser<Element>
    package let family: Family
    /// x_T is this times the latent.
    package let startScale: Double
    package var policy = ActivationPolicy.keep
    /// Samples that one call of the network takes at most. Changes no result.
    package var batch = 16
    package var savings = WorkSavings.all

    package init(_ denoiser: some Denoiser<Element>, family: Family, startScale: Double) {
        self.denoiser = denoiser
        self.family = family
        self.startScale = startScale
    }

    /// The step program of parameters, with the reference's unused last evaluation if that is asked for (M5.12 R1).
    package func program(_ parameters: [Double]) throws -> StepProgram<Double> {
        var program = try family.program(parameters)
        if !savings.contains(.unusedEvaluation), let last = program.lastEvaluationTime {
            _ = program.evaluate(program.result, at: last)
        }
        return program
    }

    /// Results and D(x_T; T) of the pairs at `indices`, all at once.
    func solve(
        _ program: StepProgram<Double>, _ set: FittingSet<Element>, _ indices: [Int], latents: Tensor<Element>,
        firstOutputs: Tensor<Element>?
    ) throws -> (results: Tensor<Element>, firstOutputs: Tensor<Element>) {
        let start = latents.scaled(by: startScale)
        var first = firstOutputs
        let known = program.evaluatesStart ? firstOutputs.map { [1: $0] } ?? [:] : [:]
        let results = try executor(set, indices).run(program, from: start, known: known) { register, value in
            if register == 1 { first = value }
        }
        return (results, first ?? results)
    }

    /// Losses of the pairs at `indices` (all by default), in that order.
    ///
    /// - Parameter bound: losses are never negative, so the work is given up, and nil returned, once their sum must
    ///   exceed this (M5.12 R3).
    package func losses(
        _ program: StepProgram<Double>, _ set: FittingSet<Element>, at indices: [Int]? = nil,
        abandoningAbove bound: Double = .infinity
    ) throws -> [Double]? {
        let indices = indices ?? Array(0..<set.count)
        let bound = savings.contains(.earlyAbort) ? bound : .infinity
        var losses: [Double] = []
        var sum = 0.0
        // What may be given up is looked at more often.
        for chunk in indices.chunks(of: bound.isFinite ? min(batch, 4) : batch) {
            let solved = try solve(
                program, set, chunk, latents: set.latents.gather(chunk),
                firstOutputs: set.firstOutputs?.gather(chunk))
            losses += try checked(set.loss.values(solved.results, pairs: chunk), set, chunk)
            sum = losses.reduce(0, +)
            // The margin covers the rounding of a sum taken in another order.
            if losses.count < indices.count, sum > bound * (1 + 1e-12) { return nil }
        }
        return losses
    }

    /// Results of all pairs, [P, sample shape].
    package func results(_ program: StepProgram<Double>, _ set: FittingSet<Element>) throws -> Tensor<Element> {
        Tensor.concatenate(
            try Array(0..<set.count).chunks(of: batch).map { chunk in
                try solve(
                    program, set, chunk, latents: set.latents.gather(chunk),
                    firstOutputs: set.firstOutputs?.gather(chunk)
                ).results
            })
    }

    /// D(x_T; T) of every latent of the set; nil where the solver does not ask for it, or it is not to be kept.
    package func firstOutputs(_ set: FittingSet<Element>, program: StepProgram<Double>) throws -> Tensor<Element>? {
        guard savings.contains(.firstEvaluation), program.evaluatesStart,
            case .evaluate(_, let start, _) = program.instructions[0]
        else { return nil }
        let asked = denoiser.thresholded(if: program.isThresholded)
        return try set.firstOutputs(asked, at: start, startScale: startScale, batch: batch)
    }

    /// Losses with their exact gradients: the mean loss' with respect to the parameters, each loss' own with respect
    /// to its latent (nil unless wanted).
    package func gradients(
        _ parameters: [Double], _ set: FittingSet<Element>, at indices: [Int], ofLatents: Bool
    ) throws -> StudentGradients<Element> {
        try linearized(parameters, set, at: indices, ofLatents: ofLatents).pullback()
    }

    /// The same. Throws `internal`, naming the seeds, where a gradient is no number.
    func finiteGradients(
        _ parameters: [Double], _ set: FittingSet<Element>, at indices: [Int], ofLatents: Bool
    ) throws -> StudentGradients<Element> {
        let gradients = try gradients(parameters, set, at: indices, ofLatents: ofLatents)
        guard gradients.parameters.allSatisfy(\.isFinite), gradients.latents?.firstNonFinite() == nil else {
            let seeds = indices.map { "\(set.pairs.seeds[$0])" }.joined(separator: ", ")
            throw Failure(.internal, place: "seeds \(seeds)", "the gradient of the loss has NaN or infinity")
        }
        return gradients
    }

    /// Losses of the pairs at `indices`, and the way back to their gradients, which they may make superfluous.
    func linearized(
        _ parameters: [Double], _ set: FittingSet<Element>, at indices: [Int], ofLatents: Bool
    ) throws -> (losses: [Double], pullback: () throws -> StudentGradients<Element>) {
        let differentiated = try family.differentiated(parameters)
        let program = try program(parameters)
        let executor = executor(set, indices)
        let start = set.latents.gather(indices).scaled(by: startScale)
        // The first output is a constant unless the latents' gradient is wanted, which flows through it.
        var known: [Int: Tensor<Element>] = [:]
        if let first = set.firstOutputs, program.evaluatesStart, !ofLatents || policy == .recompute {
            known[1] = first.gather(indices)
        }
        let trace = try executor.trace(program, from: start, policy: policy, known: known)
        let loss = try set.loss.gradients(trace.result, pairs: indices)
        _ = try checked(loss.values, set, indices)
        let constants: Set<Int> = !ofLatents && program.evaluatesStart ? [1] : []
        return (
            loss.values,
            {
                let pulled = try executor.pullback(trace, cotangent: loss.samples, constants: constants)
                let sums = pulled.chained(through: differentiated, count: parameters.count)
                return StudentGradients(
                    losses: loss.values, parameters: sums.map { $0 / Double(indices.count) },
                    latents: ofLatents ? pulled.start.scaled(by: startScale) : nil)
            }
        )
    }

    /// The losses. Throws `internal`, naming the seed, where one is no number, as features may overflow where networks did
    /// not.
    private func checked(_ losses: [Double], _ set: FittingSet<Element>, _ indices: [Int]) throws -> [Double] {
        if let broken = losses.firstIndex(where: \.isNaN) {
            throw Failure(.internal, "the loss of seed \(set.pairs.seeds[indices[broken]]) is NaN")
        }
        return losses
    }

    func executor(_ set: FittingSet<Element>, _ indices: [Int]) -> Executor<Element> {
        Executor(
            denoiser: denoiser, given: set.pairs.condition.rows(indices), seeds: indices.map { set.pairs.seeds[$0] })
    }
}

package struct StudentGradients<Element: TensorElement>: Sendable {
    /// [B]
    package let losses: [Double]
    /// Of the mean loss of the batch.
    package let parameters: [Double]
    /// Of each sample's own loss, whatever the batch (DEF-12).
    package let latents: Tensor<Element>?
}

extension StepProgram {
    /// Whether the first instruction is D(x_T; T). (The analytic first step has none.)
    var evaluatesStart: Bool {
        if case .evaluate(state: start, _, _)? = instructions.first { return true }
        return false
    }
}

extension StepProgram where Coefficient == Double {
    /// The time of the last evaluation.
    fileprivate var lastEvaluationTime: Double? {
        for instruction in instructions.reversed() {
            if case .evaluate(_, let time, _) = instruction { return time }
        }
        return nil
    }
}

extension Array {
    /// Consecutive pieces of at most `size` elements.
    func chunks(of size: Int) -> [[Element]] {
        stride(from: 0, to: count, by: Swift.max(size, 1)).map { Array(self[$0..<Swift.min($0 + size, count)]) }
    }
}
