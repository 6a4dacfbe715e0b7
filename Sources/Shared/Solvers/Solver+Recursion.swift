import Diagnostics
import Diffusion
import Tensors

extension Solver {
    /// The step program for `times` (t_0 = T to t_N, decreasing) and the times `modelTimes` at which the network is
    /// asked (tau, as many; index N is used by Heun's last evaluation only).
    ///
    /// - Parameter T: Double for values; Dual for exact derivatives in every time.
    package func program<T: Real>(
        process: NoiseProcess, times: [T], modelTimes: [T]
    ) throws -> StepProgram<T> {
        var program = StepProgram(
            try recursion(process: process, times: times, modelTimes: modelTimes), process: process)
        program.isThresholded = options.contains(.thresholding)
        return program
    }

    /// The same with t = tau.
    package func program<T: Real>(process: NoiseProcess, times: [T]) throws -> StepProgram<T> {
        try program(process: process, times: times, modelTimes: times)
    }

    /// The solver's coefficients in the notation of M4.0.
    package func recursion<T: Real>(
        process: NoiseProcess, times: [T], modelTimes: [T]
    ) throws -> LinearRecursion<T> {
        precondition(times.count >= 2 && times.count == modelTimes.count)
        try requireApplicable(process, end: times[times.count - 1].value)
        let grid = TimeGrid(process: process, times: times)
        var recursion: LinearRecursion<T>
        switch family {
        case .euler: recursion = eulerRecursion(grid, modelTimes)
        case .ddim: recursion = adamsBashforth(grid, modelTimes) { _ in [1.0] }
        case .heun: recursion = heunRecursion(grid, modelTimes)
        case .dpmSolverPlusPlus: recursion = dpmSolverPlusPlusRecursion(grid, modelTimes)
        case .unipc: recursion = unipcRecursion(grid, modelTimes)
        case .ipndm: recursion = adamsBashforth(grid, modelTimes) { ipndmWeights(order: min(order, $0)) }
        case .dpmSolver: recursion = dpmSolverRecursion(grid, modelTimes)
        case .ipndmVariable, .deisTime, .deisRho: recursion = variableAdamsBashforth(grid, modelTimes)
        }
        if options.contains(.analyticFirst) { skipFirstEvaluation(&recursion, grid) }
        return recursion
    }

    /// Throws where the coefficients would be infinite at an end of the process; `end` is t_N.
    private func requireApplicable(_ process: NoiseProcess, end: Double) throws {
        let inSigma: Set<Family> = [.euler, .ddim, .heun, .ipndm, .ipndmVariable]
        if process == .flow {
            guard inSigma.contains(family), !options.contains(.analyticFirst) else {
                throw Failure(
                    .usage, "solver \(name) is singular at the start of the flow process, where alpha = 0",
                    suggestion: "use euler, heun, ipndm or ipndm-v")
            }
        } else if process.end == 0, end == 0 {
            // sigma = 0 is legal in s alone: lambda, and ds/dt for tAB-DEIS, are infinite there (M1.9).
            guard inSigma.contains(family) || family == .deisRho else {
                throw Failure(
                    .usage,
                    "solver \(name) is singular at the end of process \(process.spelling), where sigma = 0",
                    suggestion: "use ddim, euler, heun, ipndm, ipndm-v or deis-rho")
            }
        }
    }

    /// GITS' analytic first step: e_0 = xbar / sqrt(1 + s_0^2), and xbar / sqrt(1 + s^2) = x / sqrt(alpha^2 + sigma^2)
    /// (M4.6).
    private func skipFirstEvaluation<T: Real>(_ recursion: inout LinearRecursion<T>, _ grid: TimeGrid<T>) {
        let (alpha, sigma) = (grid.alpha[0], grid.sigma[0])
        let factor = 1.0 / T.sqrt(alpha * alpha + sigma * sigma)
        for index in recursion.rows.indices { recursion.rows[index].predictor.replaceFirstOutput(by: factor) }
    }

    /// The order of step i = 1...N of a multistep solver that starts and ends low (M4.4).
    func stepOrder(_ i: Int, of steps: Int) -> Int {
        if i < order { return i }
        return options.contains(.noLowerOrderFinal) ? order : min(order, steps + 1 - i)
    }
}
