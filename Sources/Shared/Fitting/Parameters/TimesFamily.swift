import Diagnostics
import Solvers
import Tensors

/// LD3's family: a solver whose times and model times are learned. The parameters are xi and the model time parameters, N + 1
/// each (paper, Sec. 4.3).
package struct TimesFamily: ProgramFamily {
    package let solver: Solver
    package let parameterization: Parameterization
    /// Whether the model times equal the times: their own parameters are then without effect.
    package let isTied: Bool

    package init(solver: Solver, parameterization: Parameterization, isTied: Bool) {
        self.solver = solver
        self.parameterization = parameterization
        self.isTied = isTied
    }

    package var parameterCount: Int { 2 * (steps + 1) }
    package var coefficientOffsets: Range<Int> { parameterCount..<parameterCount }
    private var steps: Int { parameterization.steps }

    /// Returns N + 1 times and as many model times.
    package func timeLists<T: Real>(_ parameters: [T]) -> (times: [T], modelTimes: [T]) {
        let xi = Array(parameters.prefix(steps + 1))
        guard !isTied else {
            let times = parameterization.times(xi)
            return (times, times)
        }
        return parameterization.timeLists(xi, Array(parameters.dropFirst(steps + 1)))
    }

    package var timesAlone: TimesFamily? { self }

    /// Returns the times and model times of parameters, along which a sampler runs.
    package func course(_ parameters: [Double]) -> TimeLists {
        let lists = timeLists(parameters)
        return TimeLists(times: lists.times, modelTimes: lists.modelTimes)
    }

    package func program<T: Real>(_ parameters: [T]) throws -> StepProgram<T> {
        let (times, modelTimes) = timeLists(parameters)
        return try solver.program(process: parameterization.process, times: times, modelTimes: modelTimes)
    }

    /// Returns the parameters of given times, and of model times if these are given.
    package func parameters(times: [Double], modelTimes: [Double]? = nil) -> [Double] {
        parameterization.inverse(times: times)
            + parameterization.inverse(modelTimes: modelTimes ?? times, times: times)
    }

    package func parameters(_ start: Start) -> [Double] { parameters(times: start.times, modelTimes: start.modelTimes) }

    /// xi_0 and the masked ends of the model time parameters have no effect. A common shift of xi changes nothing: the last
    /// entry stays.
    package func indices(of parts: LearnedParts) -> [Int] {
        (parts.contains(.times) ? Array(1..<max(steps, 1)) : [])
            + (parts.contains(.modelTimes) && !isTied ? Array(steps + 2..<2 * steps + 1) : [])
    }

    /// Cuts the model time parameters to their window.
    package func project(_ parameters: inout [Double]) {
        let window = window(parameters)
        for index in steps + 1..<parameters.count { parameters[index] = min(max(parameters[index], -window), window) }
    }

    /// The times move the window on whose bound a model time parameter lies.
    package func boundMovers(at parameters: [Double]) -> [Int] {
        let window = window(parameters)
        let touches = window > 0 && parameters[steps + 2..<2 * steps + 1].contains { abs($0) >= window }
        return touches ? indices(of: .times) : []
    }

    private func window(_ parameters: [Double]) -> Double {
        parameterization.window(Array(parameters.prefix(steps + 1)))
    }
}

/// LD3's family with the solver written in its multistep form, whose states are combinations of x_T and of outputs
/// only.
package struct MultistepTimes: ProgramFamily {
    package let times: TimesFamily
    /// The network evaluations, which are the rows of the form.
    package let evaluations: Int

    /// Makes no family, but nil, for a solver whose first evaluation is not at the start.
    package init?(_ times: TimesFamily) throws {
        self.times = times
        let uniform = [Double](repeating: 1, count: times.parameterization.steps + 1)
        let program = try times.program(uniform + uniform.map { _ in 0 })
        guard program.evaluatesStart else { return nil }
        evaluations = program.evaluations
    }

    package var parameterCount: Int { times.parameterCount }
    package var coefficientOffsets: Range<Int> { times.coefficientOffsets }

    package func form<T: Real>(_ parameters: [T]) throws -> MultistepForm<T> {
        MultistepForm(try times.program(parameters))
    }

    package func program<T: Real>(_ parameters: [T]) throws -> StepProgram<T> { try form(parameters).program }
    package func indices(of parts: LearnedParts) -> [Int] { times.indices(of: parts) }
    package func project(_ parameters: inout [Double]) { times.project(&parameters) }
    package func boundMovers(at parameters: [Double]) -> [Int] { times.boundMovers(at: parameters) }
}
