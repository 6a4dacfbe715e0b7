import Diagnostics
import Diffusion
import Fitting
import LinearAlgebra
import Options
import Schedules
import Tensors

/// GITS: the times along which Euler steps with the teacher's own slopes stray least, found by dynamic programming on
/// the teacher's grid (Chen et al. 2024; docs/methods/gits.md). In the coordinates (x / alpha, s).
package struct GITS: FitMethod {
    package static let name = "gits"
    package static let options = [
        OptionGroup(
            "GITS (\(spelled("method")) gits)", topic: "gits",
            [
                .choice("gits-metric", cases: Metric.self, default: "dev", "dev, l1 or l2: the error of a step"),
                .number("gits-coefficient", in: 0...1000, default: "1.15", "weight of the steps to come"),
                .integer(
                    "teacher-steps", in: 1...1000, default: "60", "of the GITS teacher, on the edm grid with iPNDM 4"),
                .integer(
                    "warm-up", in: 1...1 << 30, default: "256",
                    "noises of the GITS teacher, at most the pairs to train on"),
            ])
    ]

    /// How far a step from teacher point i lands from teacher point j.
    package enum Metric: String, Sendable, CaseIterable {
        case l1
        case l2
        /// The growth of the distance from the chord between the trajectory's ends; may be negative.
        case deviation = "dev"
    }

    package var metric = Metric.deviation
    /// The factor of the cost of all later steps at each step: above 1, small noise gets more care.
    package var coefficient = 1.15
    package var teacherSteps = 60
    /// The training noises that are used, at most.
    package var warmUp = 256

    package init(
        metric: Metric = .deviation, coefficient: Double = 1.15, teacherSteps: Int = 60, warmUp: Int = 256
    ) {
        self.metric = metric
        self.coefficient = coefficient
        self.teacherSteps = teacherSteps
        self.warmUp = warmUp
    }

    package init(_ values: any OptionValues) throws {
        metric = try values.choice("gits-metric", Metric.self)
        coefficient = try values.double("gits-coefficient")
        teacherSteps = try values.integer("teacher-steps")
        warmUp = try values.integer("warm-up")
    }

    package func check(_ budget: Budget, on process: NoiseProcess) throws {
        try requireFiniteLogSNR(process)
        guard budget.steps <= teacherSteps else {
            throw Self.unsuited("\(counted(budget.steps, "step")) do not fit a teacher's \(teacherSteps)")
        }
    }

    /// The work is `teacherSteps` evaluations for each noise.
    package func fit<Element: TensorElement>(
        _ problem: FitProblem<Element>, observe: @escaping (FitEvent) -> Void
    ) throws -> Fit {
        try check(problem.budget, on: problem.process)
        return try baseline(problem) { try schedule(problem, times: times(problem)) }
    }

    /// Returns the times for the problem's number of steps. Throws `NetworkBreakdown`.
    func times<Element: TensorElement>(_ problem: FitProblem<Element>) throws -> [Double] {
        let times = try Discretization.edm.times(steps: teacherSteps, process: problem.process)
        var costs = [[Double]](repeating: [Double](repeating: 0, count: teacherSteps + 1), count: teacherSteps + 1)
        for chunk in Array(0..<min(warmUp, problem.train.count)).chunks(of: problem.resources.batch) {
            let trajectory = try TeacherTrajectory(
                problem.denoiser, process: problem.process, times: times, start: problem.startStates(chunk),
                given: problem.train.pairs.condition.rows(chunk), seeds: chunk.map { problem.train.pairs.seeds[$0] })
            addCosts(of: trajectory, to: &costs)
        }
        return path(costs, steps: problem.steps).map { times[$0] }
    }

    /// Returns the path of `steps` hops from point 0 to the last one with the least cost (docs/methods/gits.md,
    /// "Search"). The smallest index wins a tie.
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

    /// Returns the mean over the batch of the cost of every hop i -> j, i < j; zero elsewhere.
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

    /// Returns the norms of X_i + (s_j - s_i) d_i - X_j.
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

    /// Returns dev(X_i + (s_j - s_i) d_i) - dev(X_j), dev being the distance from the chord; that of the last point is
    /// 0.
    ///
    /// Along a step the part across the chord is linear in s, so its norm comes from three inner products for each i.
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
