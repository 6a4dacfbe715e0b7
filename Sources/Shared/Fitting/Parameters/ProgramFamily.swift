import Diffusion
import Solvers
import Tensors

/// What is learned: a vector of parameters and the step program that it stands for.
///
/// Written once over `Real`, so that Double gives the coefficients and `Dual` their exact derivatives too.
package protocol ProgramFamily: Sendable {
    var parameterCount: Int { get }
    func program<T: Real>(_ parameters: [T]) throws -> StepProgram<T>
}

extension ProgramFamily {
    /// The program with its derivatives with respect to every parameter.
    func differentiated(_ parameters: [Double]) throws -> StepProgram<Dual> {
        try program(
            parameters.enumerated().map { Dual.variable($0.element, index: $0.offset, of: parameters.count) })
    }
}

/// LD3's family: a solver whose times are learned. Parameters are xi and the model offsets, N + 1 each (M5.2, M5.3).
package struct TimesFamily: ProgramFamily {
    package let solver: Solver
    package let parameterization: Parameterization
    /// The network's times equal the solver's: the offsets are without effect.
    package let isTied: Bool

    package init(solver: Solver, parameterization: Parameterization, isTied: Bool) {
        self.solver = solver
        self.parameterization = parameterization
        self.isTied = isTied
    }

    package var parameterCount: Int { 2 * (parameterization.steps + 1) }

    package func timeLists<T: Real>(_ parameters: [T]) -> (times: [T], modelTimes: [T]) {
        let xi = Array(parameters.prefix(parameterization.steps + 1))
        guard !isTied else {
            let times = parameterization.times(xi)
            return (times, times)
        }
        return parameterization.timeLists(xi, Array(parameters.dropFirst(parameterization.steps + 1)))
    }

    package func program<T: Real>(_ parameters: [T]) throws -> StepProgram<T> {
        let (times, modelTimes) = timeLists(parameters)
        return try solver.program(process: parameterization.process, times: times, modelTimes: modelTimes)
    }

    /// The parameters of given times, with decoupled times equal to them or as given.
    package func parameters(times: [Double], modelTimes: [Double]? = nil) -> [Double] {
        parameterization.inverse(times: times)
            + parameterization.inverse(modelTimes: modelTimes ?? times, times: times)
    }
}
