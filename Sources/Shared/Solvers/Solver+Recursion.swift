import Diagnostics
import Diffusion
import Tensors

extension Solver {
    /// Returns the step program for the times t_0 = T to t_N, which fall, and as many model times. Only Heun's last
    /// evaluation is told the model time N. Throws a usage failure if the coefficients would be infinite.
    ///
    /// - Parameter T: Double for values, Dual for exact derivatives in every time as well.
    package func program<T: Real>(
        process: NoiseProcess, times: [T], modelTimes: [T]
    ) throws -> StepProgram<T> {
        var program = StepProgram(
            try recursion(process: process, times: times, modelTimes: modelTimes), process: process)
        program.isThresholded = options.contains(.thresholding)
        return program
    }

    /// Returns the step program whose model times are its times.
    package func program<T: Real>(process: NoiseProcess, times: [T]) throws -> StepProgram<T> {
        try program(process: process, times: times, modelTimes: times)
    }

    /// Returns the coefficients for the times t_0 = T to t_N, which fall, and as many model times. Throws a usage failure
    /// if they would be infinite.
    package func recursion<T: Real>(
        process: NoiseProcess, times: [T], modelTimes: [T]
    ) throws -> LinearRecursion<T> {
        precondition(times.count >= 2 && times.count == modelTimes.count)
        try requireApplicable(process)
        let grid = TimeGrid(process: process, times: times)
        var recursion = family.rules.recursion(self, grid, modelTimes: modelTimes)
        if times[times.count - 1].value <= process.noiseFreeTime { recursion.endWithoutNoise(grid) }
        if options.contains(.analyticFirst) { skipFirstEvaluation(&recursion, grid) }
        return recursion
    }

    /// Throws if the coefficients would be infinite at the start of the process.
    private func requireApplicable(_ process: NoiseProcess) throws {
        guard family.rules.hasCoefficients else {
            throw Failure(.usage, "solver \(name) is a sampler's own, in another process, and takes no denoiser")
        }
        guard process.hasNoiseLevels else {
            throw Failure(
                .usage, "solver \(name) needs noise levels, which the times \(process.spelling) do not tell")
        }
        if process.startsWithoutSignal {
            guard family.rules.startsWithoutSignal(self), !options.contains(.analyticFirst) else {
                throw Failure(
                    .usage,
                    "solver \(name) takes the data from the noise prediction, which is impossible where alpha = 0, at the "
                        + "start of process \(process.spelling)",
                    suggestion: "use dpm-solver++, dpm-solver++s, unipc or ipndm without this variant")
            }
        }
    }

    /// Replaces the first noise prediction by x_0 / sqrt(alpha^2 + sigma^2), as GITS does.
    private func skipFirstEvaluation<T: Real>(_ recursion: inout LinearRecursion<T>, _ grid: TimeGrid<T>) {
        let (alpha, sigma) = (grid.alpha[0], grid.sigma[0])
        let factor = 1.0 / T.sqrt(alpha * alpha + sigma * sigma)
        for index in recursion.rows.indices { recursion.rows[index].predictor.replaceFirstOutput(by: factor) }
    }
}

extension LinearRecursion {
    /// Replaces the last step of a solver, which ends without noise, by one evaluation and a step of first order: the result
    /// is the data prediction. Other coefficients of this step may be infinite, since lambda is.
    fileprivate mutating func endWithoutNoise(_ grid: TimeGrid<Coefficient>) {
        rows.removeLast(rows.reversed().dropFirst().prefix { !$0.completesStep }.count + 1)
        modelTimes.removeLast(modelTimes.count - rows.count - 2)
        let last = rows.count
        var row = Combination()
        if prediction == .data {
            row.add(output: last, 1.0)
        } else {
            let weights = grid.process.stateWithoutNoise(from: grid.times[grid.steps - 1])
            row.add(state: last, weights.state)
            row.add(output: last, weights.slope)
        }
        rows.append(.init(predictor: row))
    }
}
