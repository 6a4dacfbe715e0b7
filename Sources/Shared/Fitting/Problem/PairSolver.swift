import Diffusion
import Solvers
import Tensors

/// Solves pairs along step programs, or along the times of a sampler, in batches, and takes their losses.
package struct PairSolver<Element: TensorElement>: Sendable {
    package let denoiser: any Denoiser<Element>
    /// x_T is this times the moved noise.
    package let startScale: Double
    package var resources: FitResources
    /// The sampler that is fitted in the place of the denoiser with a solver, if any.
    package var sampler: FitSampler<Element>?

    package init(_ denoiser: some Denoiser<Element>, startScale: Double, resources: FitResources = FitResources()) {
        self.denoiser = denoiser
        self.startScale = startScale
        self.resources = resources
    }

    /// Returns the results and D(x_T; T) of the pairs at `indices`, solved as one batch from `noises`, [B, sample
    /// shape].
    package func solve(
        _ course: Course, _ set: FittingSet<Element>, _ indices: [Int], from noises: Tensor<Element>,
        firstOutputs: Tensor<Element>?
    ) throws -> (results: Tensor<Element>, firstOutputs: Tensor<Element>) {
        let program: StepProgram<Double>
        switch course {
        case .program(let found): program = found
        case .times(let course):
            guard let sampler else { preconditionFailure("times without a sampler to run along them") }
            let results = try sampler.sample(samplerInput(set, indices, from: noises), along: course)
            return (results, results)
        }
        var first = firstOutputs
        let known = program.evaluatesStart ? firstOutputs.map { [1: $0] } ?? [:] : [:]
        let results = try executor(set, indices).run(program, from: noises.scaled(by: startScale), known: known) {
            if $0 == 1 { first = $1 }
        }
        return (results, first ?? results)
    }

    /// Returns the results of the pairs at `indices` from their moved noises, [B, target shape], solved as one batch.
    package func results(
        _ course: Course, _ set: FittingSet<Element>, _ indices: [Int]
    ) throws -> Tensor<Element> {
        try solve(
            course, set, indices, from: set.movedNoises.gather(indices),
            firstOutputs: set.firstOutputs?.gather(indices)
        ).results
    }

    /// Returns the results of all pairs, [P, target shape].
    package func results(_ program: StepProgram<Double>, _ set: FittingSet<Element>) throws -> Tensor<Element> {
        Tensor.concatenate(
            try Array(0..<set.count).chunks(of: resources.batch).map { try results(.program(program), set, $0) })
    }

    /// Returns the losses of the pairs along a step program. The function below explains the parameters.
    package func losses(
        _ program: StepProgram<Double>, _ set: FittingSet<Element>, at indices: [Int]? = nil,
        abandoningAbove bound: Double = .infinity
    ) throws -> [Double]? {
        try losses(.program(program), set, at: indices, abandoningAbove: bound)
    }

    /// Returns the losses of the pairs at `indices` (all by default), in that order. A loss that is NaN, as features
    /// may overflow although the samples are finite, is infinite. So are all losses of a sampler along times that do not
    /// fall, to which a long step of a fit may lead.
    ///
    /// - Parameter bound: losses are never negative, so the work is given up, and nil returned, once their sum must
    ///   exceed this.
    package func losses(
        _ course: Course, _ set: FittingSet<Element>, at indices: [Int]? = nil,
        abandoningAbove bound: Double = .infinity
    ) throws -> [Double]? {
        let indices = indices ?? Array(0..<set.count)
        if case .times(let lists) = course, !lists.falls { return indices.map { _ in .infinity } }
        let bound = resources.savings.contains(.earlyAbort) ? bound : .infinity
        var losses: [Double] = []
        // With a bound the sum is looked at more often.
        for chunk in indices.chunks(of: bound.isFinite ? min(resources.batch, 4) : resources.batch) {
            losses += try set.loss.values(results(course, set, chunk), pairs: chunk).map(infiniteIfNaN)
            // The margin covers the rounding of a sum taken in another order.
            if losses.count < indices.count, losses.reduce(0, +) > bound * (1 + 1e-12) { return nil }
        }
        return losses
    }

    /// Returns D(x_T; T) of every moved noise of the set if the course is a program; nil for a sampler.
    package func firstOutputs(_ set: FittingSet<Element>, along course: Course) throws -> Tensor<Element>? {
        guard case .program(let program) = course else { return nil }
        return try firstOutputs(set, program: program)
    }

    /// Returns D(x_T; T) of every moved noise of the set; nil if the program does not evaluate it, or if it is not
    /// kept.
    package func firstOutputs(_ set: FittingSet<Element>, program: StepProgram<Double>) throws -> Tensor<Element>? {
        guard resources.savings.contains(.firstEvaluation), program.evaluatesStart,
            case .evaluate(_, let start, _) = program.instructions[0]
        else { return nil }
        return try set.firstOutputs(
            denoiser.thresholded(if: program.isThresholded), at: start, startScale: startScale, batch: resources.batch)
    }

    func samplerInput(
        _ set: FittingSet<Element>, _ indices: [Int], from noises: Tensor<Element>
    ) -> SamplerInput<Element> {
        SamplerInput(
            noise: noises, given: set.pairs.condition.rows(indices), seeds: indices.map { set.pairs.seeds[$0] })
    }

    func executor(_ set: FittingSet<Element>, _ indices: [Int]) -> Executor<Element> {
        Executor(
            denoiser: denoiser, given: set.pairs.condition.rows(indices), seeds: indices.map { set.pairs.seeds[$0] })
    }
}

func infiniteIfNaN(_ loss: Double) -> Double { loss.isNaN ? .infinity : loss }

extension StepProgram {
    /// Whether the first instruction is D(x_T; T). An analytic first step has none.
    var evaluatesStart: Bool {
        if case .evaluate(state: start, _, _)? = instructions.first { return true }
        return false
    }
}
