import Diagnostics
import Diffusion
import LinearAlgebra
import Schedules
import Solvers
import Tensors

/// GITS: the times along which Euler steps with the teacher's own slopes stray least, found by dynamic programming on
/// the teacher's grid (M8.2; Chen et al. 2024). In the coordinates (x / alpha, s).
package struct GITS: Sendable {
    /// How far a step from teacher point i lands from teacher point j.
    package enum Metric: String, Sendable, CaseIterable {
        case l1
        case l2
        /// The growth of the distance from the chord between the trajectory's ends; may be negative.
        case deviation = "dev"
    }

    package var metric = Metric.deviation
    /// What the cost of all later steps is multiplied by at each step: above 1, more care for small noise.
    package var coefficient = 1.15

    package init(metric: Metric = .deviation, coefficient: Double = 1.15) {
        self.metric = metric
        self.coefficient = coefficient
    }

    /// The path of `steps` hops from point 0 to the last one with the least cost; the smallest index where costs tie.
    ///
    /// - Parameter costs: [n][n], used above the diagonal.
    /// - Returns: `steps` + 1 indices.
    package func path(_ costs: [[Double]], steps: Int) -> [Int] {
        let last = costs.count - 1
        precondition(steps >= 1 && steps <= last)
        var values = costs.map { $0[last] }
        var choices: [[Int]] = []
        for hops in stride(from: 2, through: steps, by: 1) {
            var next = [Double](repeating: .infinity, count: costs.count)
            var choice = [Int](repeating: last, count: costs.count)
            // From i there must be room for the hops that remain.
            for j in 0..<max(last - hops + 1, 0) {
                for i in (j + 1)..<(last - hops + 2) {
                    let value = costs[j][i] + coefficient * values[i]
                    if value < next[j] { (next[j], choice[j]) = (value, i) }
                }
            }
            values = next
            choices.append(choice)
        }
        var path = [0]
        for choice in choices.reversed() { path.append(choice[path[path.count - 1]]) }
        return path + [last]
    }

    /// The mean over the batch of the cost of every hop i -> j, i < j; zero elsewhere.
    package func costs<Element>(_ trajectory: TeacherTrajectory<Element>) -> [[Double]] {
        let count = trajectory.sigmas.count
        var costs = [[Double]](repeating: [Double](repeating: 0, count: count), count: count)
        addCosts(of: trajectory, to: &costs)
        let batch = Double(trajectory.states[0].batch)
        return costs.map { $0.map { $0 / batch } }
    }

    /// Adds the costs of every sample, one after the other, so that sums do not depend on how samples were batched.
    func addCosts<Element>(of trajectory: TeacherTrajectory<Element>, to costs: inout [[Double]]) {
        for sample in 0..<trajectory.states[0].batch {
            let states = trajectory.states.map { $0.doubles(sample: sample) }
            let slopes = trajectory.slopes.map { $0.doubles(sample: sample) }
            let own =
                metric == .deviation
                ? deviations(states, slopes, trajectory.sigmas) : distances(states, slopes, trajectory.sigmas)
            for i in costs.indices { for j in costs.indices { costs[i][j] += own[i][j] } }
        }
    }

    /// Norms of X_i + (s_j - s_i) d_i - X_j.
    private func distances(_ states: [[Double]], _ slopes: [[Double]], _ sigmas: [Double]) -> [[Double]] {
        var costs = [[Double]](repeating: [Double](repeating: 0, count: sigmas.count), count: sigmas.count)
        for i in slopes.indices {
            for j in (i + 1)..<sigmas.count {
                let step = sigmas[j] - sigmas[i]
                var sum = 0.0
                for k in states[i].indices {
                    let difference = states[i][k] + step * slopes[i][k] - states[j][k]
                    sum += metric == .l1 ? abs(difference) : difference * difference
                }
                costs[i][j] = metric == .l1 ? sum : sum.squareRoot()
            }
        }
        return costs
    }

    /// dev(X_i + (s_j - s_i) d_i) - dev(X_j), dev being the distance from the chord; that of the last point is 0.
    ///
    /// Along a step the part across the chord is linear in s, so its norm comes from three inner products per i.
    private func deviations(_ states: [[Double]], _ slopes: [[Double]], _ sigmas: [Double]) -> [[Double]] {
        let (start, end) = (states[0], states[states.count - 1])
        let chord = zip(end, start).map { $0 - $1 }
        let length = dot(chord, chord)
        func across(_ v: [Double]) -> [Double] {
            let share = dot(v, chord) / length
            return zip(v, chord).map { $0 - share * $1 }
        }
        let offsets = states.map { state in across(zip(end, state).map { $0 - $1 }) }
        let own = offsets.indices.map { $0 == states.count - 1 ? 0 : dot(offsets[$0], offsets[$0]).squareRoot() }
        var costs = [[Double]](repeating: [Double](repeating: 0, count: sigmas.count), count: sigmas.count)
        for i in slopes.indices {
            let slope = across(slopes[i])
            let (a, b, c) = (dot(offsets[i], offsets[i]), dot(offsets[i], slope), dot(slope, slope))
            for j in (i + 1)..<sigmas.count {
                let step = sigmas[j] - sigmas[i]
                costs[i][j] = max(a - 2 * step * b + step * step * c, 0).squareRoot() - own[j]
            }
        }
        return costs
    }
}

/// A fine solve with all it went through, in the coordinates (x / alpha, s).
package struct TeacherTrajectory<Element: TensorElement>: Sendable {
    /// n falling noise levels.
    package let sigmas: [Double]
    /// X_0 ... X_{n-1}, each [B, sample shape].
    package let states: [Tensor<Element>]
    /// d_i = (X_i - D_i) / s_i at the first n - 1 of them.
    package let slopes: [Tensor<Element>]

    package init(sigmas: [Double], states: [Tensor<Element>], slopes: [Tensor<Element>]) {
        self.sigmas = sigmas
        self.states = states
        self.slopes = slopes
    }

    /// Solves from `start` = x_T along `times` with iPNDM of order 4.
    package init(
        _ denoiser: some Denoiser<Element>, process: NoiseProcess, times: [Double], start: Tensor<Element>,
        given condition: Condition
    ) throws {
        let program = try Solver(.ipndm, order: 4).program(process: process, times: times)
        var registers: [Int: Tensor<Element>] = [:]
        _ = try Executor(denoiser: denoiser, given: condition).run(program, from: start) { registers[$0] = $1 }
        let scaled = zip(program.states, times).compactMap { register, time in
            registers[register]?.scaled(by: 1 / process.alpha(time))
        }
        sigmas = times.map { process.scaledSigma($0) }
        states = scaled
        slopes = program.evaluationRegisters.enumerated().compactMap { index, register in
            let sigma = process.scaledSigma(times[index])
            return registers[register].map { output in
                weightedSum([(1 / sigma, scaled[index]), (-1 / sigma, output)])
            }
        }
    }
}

extension StepProgram {
    /// The registers that hold D, in the order of evaluation.
    fileprivate var evaluationRegisters: [Register] {
        instructions.enumerated().compactMap { index, instruction in
            if case .evaluate = instruction { return index + 1 }
            return nil
        }
    }
}

extension FitProblem {
    /// GITS' schedule from the training pairs' noises, `warmUp` of them at most. Its cost: `teacherSteps` evaluations a
    /// noise.
    package func gits(_ method: GITS, teacherSteps: Int = 60, warmUp: Int = 256) throws -> Fit {
        guard steps <= teacherSteps else {
            throw Failure(
                .usage, place: "--method gits", "\(counted(steps, "step")) do not fit a teacher's \(teacherSteps)")
        }
        return try baseline("gits") {
            try baselineSchedule(times: gitsTimes(method, teacherSteps: teacherSteps, warmUp: warmUp))
        }
    }

    func gitsTimes(_ method: GITS, teacherSteps: Int, warmUp: Int) throws -> [Double] {
        let times = try Discretization.edm.times(steps: teacherSteps, process: process)
        var costs = [[Double]](repeating: [Double](repeating: 0, count: teacherSteps + 1), count: teacherSteps + 1)
        for chunk in Array(0..<min(warmUp, train.count)).chunks(of: batch) {
            let trajectory = try TeacherTrajectory(
                denoiser, process: process, times: times, start: startStates(chunk),
                given: train.pairs.condition.rows(chunk))
            method.addCosts(of: trajectory, to: &costs)
        }
        return method.path(costs, steps: steps).map { times[$0] }
    }
}
