import Diagnostics
import Diffusion
import Schedules
import Solvers
import Tensors

/// D-ODE solvers: one scalar a network evaluation, times the change of the newest output, fitted step by step in closed
/// form to a teacher that subdivides every step (M8.5; Kim et al. 2024). Written into the schedule's coefficients.
package struct DODESettings: Sendable, Equatable {
    /// Teacher steps for each step of the student.
    package var subdivisions = 10
    /// Noises of the one batch that is fitted to.
    package var samples = 100

    package init() {}
}

extension FitProblem {
    /// The solver along `times`, its steps corrected. The network is asked `subdivisions` + 1 times for each of the
    /// student's evaluations and sample.
    ///
    /// - Parameter rated: the candidates, where they have been rated.
    package func dODE(
        _ settings: DODESettings, times: [Double], rated: [RatedCandidate]? = nil
    ) throws -> Fit {
        var fit = try baseline("d-ode", rated: rated) {
            let recursion = try solver.recursion(process: process, times: times, modelTimes: times)
            guard recursion.rows.allSatisfy({ $0.corrector == nil }) else {
                throw Failure(
                    .usage, place: "--method d-ode", "has no form for solver \(solver.name), which corrects its steps",
                    suggestion: "use ddim, heun, ipndm, dpm-solver or dpm-solver++")
            }
            let indices = Array(0..<min(settings.samples, train.count))
            let targets = try dODETargets(settings, nodes: recursion.modelTimes, indices)
            let corrected = try corrected(recursion, targets: targets, indices)
            return Schedule(
                solver: solver, process: process, times: recursion.modelTimes,
                coefficients: CoefficientMatrices(corrected), method: "")
        }
        fit.neighbour = Candidate(name: "neighbour", times: times)
        return fit
    }

    /// Of all heuristics, D-ODE on the one whose own validation loss is least.
    package func dODE(_ settings: DODESettings) throws -> Fit {
        let rated = try ratedCandidates()
        return try dODE(settings, times: rated[0].candidate.times, rated: rated)
    }

    /// The teacher's states at every node but the first, by a grid that subdivides each step (DEF-18): DDIM, or the
    /// Adams-Bashforth solver itself.
    private func dODETargets(
        _ settings: DODESettings, nodes: [Double], _ indices: [Int]
    ) throws -> [Tensor<Element>] {
        var grid = [nodes[0]]
        var places: [Int] = []
        for node in nodes.dropFirst() {
            let last = grid[grid.count - 1]
            if node < last {
                grid += (1...settings.subdivisions).map {
                    between(last, node, Double($0) / Double(settings.subdivisions))
                }
            }
            places.append(grid.count - 1)
        }
        let isAdamsBashforth = [.ipndm, .ipndmVariable, .deisTime, .deisRho].contains(solver.family)
        let teacher = try isAdamsBashforth ? Solver(solver.family, order: solver.order) : Solver(.ddim)
        let program = try teacher.program(process: process, times: grid)
        let chunks = try indices.chunks(of: batch).map { chunk in
            var registers: [Int: Tensor<Element>] = [:]
            let wanted = Set(places.map { program.states[$0] })
            _ = try Executor(denoiser: denoiser, given: train.pairs.condition.rows(chunk)).run(
                program, from: startStates(chunk)
            ) {
                if wanted.contains($0) { registers[$0] = $1 }
            }
            return registers
        }
        return places.map { place in Tensor.concatenate(chunks.compactMap { $0[program.states[place]] }) }
    }

    /// A time between two, evenly in lambda where it is finite; the end itself at 1.
    private func between(_ first: Double, _ last: Double, _ share: Double) -> Double {
        if share == 1 { return last }
        let (a, b) = (process.lambda(first), process.lambda(last))
        guard a.isFinite, b.isFinite else { return first + share * (last - first) }
        return process.time(lambda: a + share * (b - a))
    }

    /// Runs the recursion on the batch and adds to each row its scalar times the direction, before the next one.
    private func corrected(
        _ recursion: LinearRecursion<Double>, targets: [Tensor<Element>], _ indices: [Int]
    ) throws -> LinearRecursion<Double> {
        let plain = recursion
        var recursion = recursion
        var states = [startStates(indices)]
        var outputs: [Tensor<Element>] = []
        for row in recursion.rows.indices {
            let data = try denoised(states[row], at: recursion.modelTimes[row], of: indices)
            let weights = recursion.prediction.weights(process, at: recursion.modelTimes[row])
            outputs.append(weightedSum([(weights.state, states[row]), (weights.data, data)]))
            func combined(_ combination: LinearRecursion<Double>.Combination) -> Tensor<Element> {
                weightedSum(
                    combination.states.map { ($0.weight, states[$0.index]) }
                        + combination.outputs.map { ($0.weight, outputs[$0.index]) })
            }
            if let direction = direction(row, plain) {
                let residual = weightedSum([(1, targets[row]), (-1, combined(recursion.rows[row].predictor))])
                let change = combined(direction)
                let power = change.dot(change)
                // A change at the level of rounding says nothing about a direction.
                if power > 1e-12 * data.dot(data) {
                    recursion.rows[row].predictor.add(direction, times: change.dot(residual) / power)
                }
            }
            states.append(combined(recursion.rows[row].predictor))
        }
        return recursion
    }

    /// What row `row` may be moved along: the newest slope (of Adams-Bashforth, the blended one) less the one before it,
    /// in the data prediction for the EDM forms; at the first row e_0 - x_T, or nothing.
    private func direction(
        _ row: Int, _ recursion: LinearRecursion<Double>
    ) -> LinearRecursion<Double>.Combination? {
        typealias Combination = LinearRecursion<Double>.Combination
        let isData = recursion.prediction == .data
        let inData = if case .edm = process { [.euler, .ddim, .heun].contains(solver.family) } else { false }
        var direction = Combination()
        func add(_ index: Int, sign: Double) {
            if inData, !isData {
                let back = recursion.prediction.inverse(process, at: recursion.modelTimes[index])
                direction.add(state: index, sign * back.state)
                direction.add(output: index, sign * back.prediction)
            } else {
                direction.add(output: index, sign)
            }
        }
        let blends = [.ipndm, .ipndmVariable, .deisTime, .deisRho].contains(solver.family)
        guard row > 0 else {
            if isData || inData { return nil }
            direction.add(output: 0, 1)
            direction.add(state: 0, -1 / process.priorScale)
            return direction
        }
        if blends {
            direction.add(blend(row, of: recursion), times: 1)
            direction.add(blend(row - 1, of: recursion), times: -1)
        } else {
            add(row, sign: 1)
            add(row - 1, sign: -1)
        }
        return direction
    }

    /// The mean slope of a step of an Adams-Bashforth solver, uncorrected: its outputs' weights scaled to sum 1.
    private func blend(_ row: Int, of recursion: LinearRecursion<Double>) -> LinearRecursion<Double>.Combination {
        let terms = recursion.rows[row].predictor.outputs
        let total = terms.reduce(0) { $0 + $1.weight }
        var blend = LinearRecursion<Double>.Combination()
        for term in terms { blend.add(output: term.index, term.weight / total) }
        return blend
    }
}

extension LinearRecursion.Combination where Coefficient == Double {
    mutating func add(_ other: Self, times factor: Double) {
        for term in other.states { add(state: term.index, factor * term.weight) }
        for term in other.outputs { add(output: term.index, factor * term.weight) }
    }
}
