import Diffusion
import Fitting
import Options
import Schedules
import Solvers
import Tensors

/// D-ODE solvers: one scalar for each network evaluation, times the change of the newest output, fitted step by step in
/// closed form to a teacher that subdivides every step (Kim et al. 2024; docs/methods/d-ode.md, "Fit"). The scalars are
/// written into the schedule's coefficients.
package struct DODE: FitMethod {
    package static let name = "d-ode"
    package static let options = [
        OptionGroup(
            "D-ODE (\(spelled("method")) d-ode)", topic: "d-ode",
            [
                .integer("subdivisions", in: 1...1000, default: "10", "D-ODE teacher steps for each step"),
                .integer(
                    "d-ode-samples", in: 1...1 << 30, default: "100",
                    "noises of D-ODE's one batch, at most the pairs to train on"),
            ])
    ]

    /// The teacher steps for each step of the student.
    package var subdivisions = 10
    /// The noises of the one batch that is fitted to.
    package var samples = 100

    package init() {}

    package init(_ values: any OptionValues) throws {
        subdivisions = try values.integer("subdivisions")
        samples = try values.integer("d-ode-samples")
    }

    package var learned: LearnedParts { .coefficients }

    /// Fits along the start of least validation loss.
    package func fit<Element: TensorElement>(
        _ problem: FitProblem<Element>, observe: @escaping (FitEvent) -> Void
    ) throws -> Fit {
        let starts = try StartRace(problem).ratings()
        return try fit(problem, along: starts[0].start.times, starts: starts)
    }

    package func check(_ budget: Budget, on process: NoiseProcess) throws {
        let times = try Discretization.uniform.times(steps: budget.steps, process: process)
        let recursion = try budget.solver.recursion(process: process, times: times, modelTimes: times)
        guard recursion.rows.allSatisfy({ $0.corrector == nil }) else {
            throw Self.unsuited(
                "has no form for solver \(budget.solver.name), which corrects its steps",
                suggestion: "use ddim, heun, ipndm, dpm-solver or dpm-solver++")
        }
    }

    /// Returns the solver along `times` with corrected steps. The network is asked `subdivisions` + 1 times for each of
    /// the student's evaluations and sample.
    package func fit<Element: TensorElement>(
        _ problem: FitProblem<Element>, along times: [Double], starts: [RatedStart]? = nil
    ) throws -> Fit {
        let (solver, process) = (problem.solver, problem.process)
        var fit = try baseline(problem, starts: starts) {
            try check(problem.budget, on: process)
            let recursion = try solver.recursion(process: process, times: times, modelTimes: times)
            let indices = Array(0..<min(samples, problem.train.count))
            let correction = DODECorrection(
                problem: problem, subdivisions: subdivisions, plain: recursion, indices: indices)
            return Schedule(
                solver: solver, process: process, times: recursion.modelTimes,
                coefficients: CoefficientMatrices(try correction.corrected()), method: Self.name)
        }
        fit.neighbour = Start(name: "neighbour", times: times)
        return fit
    }
}

/// The corrected form of a solver's recursion.
private struct DODECorrection<Element: TensorElement> {
    let problem: FitProblem<Element>
    let subdivisions: Int
    let plain: LinearRecursion<Double>
    /// The training pairs of the batch.
    let indices: [Int]

    private var solver: Solver { problem.solver }
    private var process: NoiseProcess { problem.process }
    private var isAdamsBashforth: Bool { solver.isAdamsBashforth }

    /// Runs the recursion on the batch and adds to each row its scalar times the direction, before the next one.
    func corrected() throws -> LinearRecursion<Double> {
        let targets = try targets()
        var recursion = plain
        var states = [problem.startStates(indices)]
        var outputs: [Tensor<Element>] = []
        for row in recursion.rows.indices {
            let data = try problem.denoised(
                states[row], at: indices.map { _ in recursion.modelTimes[row] }, of: indices,
                thresholds: solver.options.contains(.thresholding))
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

    /// Returns the direction along which row `row` is corrected: the change of the slope since the row before. Solvers of
    /// Adams and Bashforth use their mean slope, the EDM forms the data prediction. The first row has no row before it: its
    /// direction is e_0 - x_T / prior scale, or nil for forms in the data prediction.
    private func direction(
        _ row: Int, _ recursion: LinearRecursion<Double>
    ) -> LinearRecursion<Double>.Combination? {
        typealias Combination = LinearRecursion<Double>.Combination
        let isData = recursion.prediction == .data
        let inData = process.timeIsNoiseLevel && [.euler, .ddim, .heun].contains(solver.family)
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
        guard row > 0 else {
            if isData || inData { return nil }
            direction.add(output: 0, 1)
            direction.add(state: 0, -1 / process.priorScale)
            return direction
        }
        if isAdamsBashforth {
            direction.add(blend(row, of: recursion), times: 1)
            direction.add(blend(row - 1, of: recursion), times: -1)
        } else {
            add(row, sign: 1)
            add(row - 1, sign: -1)
        }
        return direction
    }

    /// Returns the mean slope of a step of an Adams-Bashforth solver, uncorrected: its outputs' weights scaled to sum
    /// 1.
    private func blend(_ row: Int, of recursion: LinearRecursion<Double>) -> LinearRecursion<Double>.Combination {
        let terms = recursion.rows[row].predictor.outputs
        let total = terms.reduce(0) { $0 + $1.weight }
        var blend = LinearRecursion<Double>.Combination()
        for term in terms { blend.add(output: term.index, term.weight / total) }
        return blend
    }

    /// Returns the teacher's states at every node but the first, by a grid that divides each step: DDIM, or the
    /// Adams-Bashforth solver itself.
    private func targets() throws -> [Tensor<Element>] {
        let nodes = plain.modelTimes
        var grid = [nodes[0]]
        var places: [Int] = []
        for node in nodes.dropFirst() {
            let last = grid[grid.count - 1]
            if node < last {
                grid += (1...subdivisions).map {
                    between(last, node, Double($0) / Double(subdivisions))
                }
            }
            places.append(grid.count - 1)
        }
        let teacher = try isAdamsBashforth ? Solver(solver.family, order: solver.order) : Solver(.ddim)
        let program = try teacher.program(process: process, times: grid)
        let chunks = try indices.chunks(of: problem.resources.batch).map { chunk in
            var registers: [Int: Tensor<Element>] = [:]
            let wanted = Set(places.map { program.states[$0] })
            _ = try problem.executor(chunk).run(program, from: problem.startStates(chunk)) {
                if wanted.contains($0) { registers[$0] = $1 }
            }
            return registers
        }
        return places.map { place in Tensor.concatenate(chunks.compactMap { $0[program.states[place]] }) }
    }

    /// Returns a time between two, evenly in lambda if it is finite; the end itself at share 1.
    private func between(_ first: Double, _ last: Double, _ share: Double) -> Double {
        if share == 1 { return last }
        let (a, b) = (process.lambda(first), process.lambda(last))
        guard a.isFinite, b.isFinite else { return first + share * (last - first) }
        return process.time(lambda: a + share * (b - a))
    }
}

extension LinearRecursion.Combination where Coefficient == Double {
    mutating func add(_ other: Self, times factor: Double) {
        for term in other.states { add(state: term.index, factor * term.weight) }
        for term in other.outputs { add(output: term.index, factor * term.weight) }
    }
}
