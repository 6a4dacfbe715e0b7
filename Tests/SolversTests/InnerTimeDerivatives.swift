import Diffusion
import SolverTestSupport
import Solvers
import Tensors
import Testing

/// Expects that the derivatives of half the squared result of a run from t = 1 to t = 0 in its inner times agree with central
/// differences. The ends are constant.
func expectExactDerivatives(of solver: Solver, along inner: [Double], _ process: NoiseProcess) throws {
    let executor = Executor<Double>(denoiser: try planeMixture(process))
    let start = Tensor(shape: [1, 2], elements: [0.9, -0.7])
    func loss(_ inner: [Double]) throws -> Double {
        let result = try executor.run(solver.program(process: process, times: [1] + inner + [0]), from: start)
        return 0.5 * result.dot(result)
    }
    let variables = inner.enumerated().map { Dual.variable($1, index: $0, of: inner.count) }
    let program = try solver.program(process: process, times: [Dual(1)] + variables + [Dual(0)])
    let trace = try executor.trace(program.values, from: start, policy: .keep)
    let slopes = try executor.pullback(trace, cotangent: trace.result).chained(through: program, count: inner.count)
    for index in inner.indices {
        let h = 1e-6
        var (above, below) = (inner, inner)
        above[index] += h
        below[index] -= h
        let difference = try (loss(above) - loss(below)) / (2 * h)
        #expect(abs(slopes[index] - difference) < 1e-6 * max(1, abs(difference)), "\(solver.name) t_\(index + 1)")
    }
}
