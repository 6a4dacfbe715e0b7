import Diagnostics
import Diffusion
import Solvers
import Tensors

/// A few-step solver with parameters, ready to be run and differentiated on pairs.
package struct Student<Element: TensorElement, Family: ProgramFamily>: Sendable {
    package var solver: PairSolver<Element>
    package let family: Family

    package init(_ solver: PairSolver<Element>, family: Family) {
        self.solver = solver
        self.family = family
    }

    /// Returns the step program of parameters, with the official code's unused last evaluation if that is asked for.
    package func program(_ parameters: [Double]) throws -> StepProgram<Double> {
        var program = try family.program(parameters)
        if !solver.resources.savings.contains(.unusedEvaluation), let last = program.lastEvaluationTime {
            _ = program.evaluate(program.result, at: last)
        }
        return program
    }

    /// Returns what the student of these parameters runs along.
    package func course(_ parameters: [Double]) throws -> Course {
        guard solver.sampler != nil else { return .program(try program(parameters)) }
        return .times(try timesFamily.course(parameters))
    }

    /// The family of a student that is a sampler. Throws `internal` if its parameters are not times alone.
    var timesFamily: TimesFamily {
        get throws {
            guard let times = family.timesAlone else {
                throw Failure(.internal, "a sampler is fitted whose parameters are not times alone")
            }
            return times
        }
    }

    /// Returns losses with their gradients: that of the batch's mean loss in the parameters and, if `ofNoises`, that of
    /// each loss in its own moved noise. They are exact but for a sampler's differences, which tell none in the noises.
    /// Nil if a loss or a gradient is not finite although the network is.
    package func gradients(
        _ parameters: [Double], _ set: FittingSet<Element>, at indices: [Int], ofNoises: Bool
    ) throws -> StudentGradients<Element>? {
        try linearized(parameters, set, at: indices, ofNoises: ofNoises).pullback()
    }

    /// Returns the loss of each pair at `indices`, and a closure that computes the gradients as `gradients` returns
    /// them.
    func linearized(
        _ parameters: [Double], _ set: FittingSet<Element>, at indices: [Int], ofNoises: Bool
    ) throws -> (losses: [Double], pullback: () throws -> StudentGradients<Element>?) {
        if let sampler = solver.sampler {
            return try linearized(sampler, parameters, set, at: indices, ofNoises: ofNoises)
        }
        let differentiated = try family.differentiated(parameters)
        let program = try program(parameters)
        let executor = solver.executor(set, indices)
        let start = set.movedNoises.gather(indices).scaled(by: solver.startScale)
        // The first output is a constant unless the noises' gradient is wanted, which flows through it.
        var known: [Int: Tensor<Element>] = [:]
        if let first = set.firstOutputs, program.evaluatesStart, !ofNoises || solver.resources.policy == .recompute {
            known[1] = first.gather(indices)
        }
        let trace = try executor.trace(program, from: start, policy: solver.resources.policy, known: known)
        let loss = try set.loss.gradients(trace.result, pairs: indices)
        let constants: Set<Int> = !ofNoises && program.evaluatesStart ? [1] : []
        return (
            loss.values.map(infiniteIfNaN),
            {
                guard loss.values.allSatisfy(\.isFinite), loss.samples.firstNonFinite() == nil else { return nil }
                let pulled = try executor.pullback(trace, cotangent: loss.samples, constants: constants)
                let sums = pulled.chained(through: differentiated, count: parameters.count)
                let gradients = StudentGradients(
                    losses: loss.values, parameters: sums.map { $0 / Double(indices.count) },
                    noises: ofNoises ? pulled.start.scaled(by: solver.startScale) : nil)
                return gradients.isFinite ? gradients : nil
            }
        )
    }
}

package struct StudentGradients<Element: TensorElement>: Sendable {
    /// [B]
    package let losses: [Double]
    /// The gradient of the batch's mean loss.
    package let parameters: [Double]
    /// The gradient of each sample's own loss in its moved noise, whatever the batch, [B, sample shape]; nil if it was not
    /// asked for, or if a sampler does not tell it.
    package let noises: Tensor<Element>?

    var isFinite: Bool {
        parameters.allSatisfy(\.isFinite) && noises.map { $0.firstNonFinite() == nil } ?? true
    }
}

extension StepProgram where Coefficient == Double {
    /// The model time of the last evaluation.
    fileprivate var lastEvaluationTime: Double? {
        for instruction in instructions.reversed() {
            if case .evaluate(_, let time, _) = instruction { return time }
        }
        return nil
    }
}
