import Diagnostics
import Diffusion
import Solvers
import Tensors

/// A discretization with the solver that it belongs to: what ld3-fit writes and ld3-sample follows.
package struct Schedule: Sendable, Equatable {
    package var solver: Solver
    /// As `--process` spells it.
    package var process: NoiseProcess
    /// t_0 ... t_N, falling from T to t_min.
    package var times: [Double]
    /// tau_0 ... tau_N, the times at which the network is asked; equal to `times` when tied.
    package var modelTimes: [Double]
    /// In place of the solver's own coefficients.
    package var coefficients: CoefficientMatrices?
    /// How it was found: ld3, dmn, gits, ays, d-ode, heuristic, or the name of a discretization.
    package var method: String
    /// The loss that was minimised, where one was.
    package var loss: String?
    /// Validation loss of the start and of the result, for one refitted on all pairs that before it.
    package var lossBefore: Double?
    package var lossAfter: Double?
    /// Name and digest of the model, where known.
    package var model: String?
    package var modelDigest: String?

    package init(
        solver: Solver, process: NoiseProcess, times: [Double], modelTimes: [Double]? = nil,
        coefficients: CoefficientMatrices? = nil, method: String
    ) {
        self.solver = solver
        self.process = process
        self.times = times
        self.modelTimes = modelTimes ?? times
        self.coefficients = coefficients
        self.method = method
    }

    /// The discretization of a budget of evaluations.
    package init(
        _ discretization: Discretization, solver: Solver, evaluations: Int, process: NoiseProcess
    ) throws {
        let (planned, steps) = try solver.plan(evaluations: evaluations)
        try self.init(discretization, solver: planned, steps: steps, process: process)
    }

    package init(_ discretization: Discretization, solver: Solver, steps: Int, process: NoiseProcess) throws {
        let times = try discretization.times(steps: steps, process: process)
        self.init(solver: solver, process: process, times: times, method: discretization.spelling)
        if case .tabulated(let table) = discretization, let given = table.modelTimes {
            // The ends are masked: the network is asked at t there.
            modelTimes = [times[0]] + given.dropFirst().dropLast() + [times[steps]]
        }
    }

    package var steps: Int { times.count - 1 }

    /// Whether the network is asked at the solver's own times.
    package var isTied: Bool { times == modelTimes }

    package func program() throws -> StepProgram<Double> {
        guard let coefficients else {
            return try solver.program(process: process, times: times, modelTimes: modelTimes)
        }
        var program = StepProgram(coefficients.recursion(modelTimes: modelTimes), process: process)
        program.isThresholded = solver.options.contains(.thresholding)
        return program
    }

    /// Network evaluations of one sample.
    package func evaluations() throws -> Int {
        try solver.isForeign ? solver.evaluations(steps: steps) : program().evaluations
    }

    /// Throws `data` where the schedule is for another process.
    package func check(isFor process: NoiseProcess) throws {
        guard self.process == process else {
            throw Failure(
                .data, "is for the process \(self.process.spelling), the model's is \(process.spelling)")
        }
    }

    /// Throws where the times cannot be followed.
    package func validate() throws {
        guard times.count >= 2, times.count == modelTimes.count else {
            throw Failure(.data, place: "t", "needs at least 2 times, and t_model as many")
        }
        guard (times + modelTimes).allSatisfy(\.isFinite) else {
            throw Failure(.data, place: "t", "holds NaN or infinity")
        }
        let strict = coefficients == nil
        for (index, pair) in zip(times, times.dropFirst()).enumerated() {
            guard strict ? pair.0 > pair.1 : pair.0 >= pair.1 else {
                throw Failure(.data, place: "t", "must fall; t[\(index + 1)] = \(pair.1) follows \(pair.0)")
            }
        }
        let upper = process.start * (1 + 1e-6)
        guard times[0] <= upper else {
            throw Failure(
                .data, place: "t", "reaches outside process \(process.spelling), which starts at \(process.start)")
        }
        guard !solver.isForeign else { return try requireEnds() }
        if let coefficients {
            guard coefficients.steps == steps else {
                throw Failure(.data, place: "predictor_state", "has \(coefficients.steps) rows for \(steps) steps")
            }
            try coefficients.validate()
        }
        let program = try program()
        let weights = program.instructions.flatMap { instruction -> [Double] in
            switch instruction {
            case .evaluate(_, let time, _): [time]
            case .combine(let terms): terms.map(\.coefficient)
            }
        }
        guard weights.allSatisfy(\.isFinite) else {
            throw Failure(.data, place: "t", "gives coefficients that are not finite with solver \(solver.name)")
        }
    }

    /// Throws `data` if the times do not go from one end of the process to the other, as the steps of a sampler in another
    /// process must.
    private func requireEnds() throws {
        guard coefficients == nil else {
            throw Failure(.data, place: "predictor_state", "has no meaning for the solver \(solver.name)")
        }
        guard times[0] == process.start, times[steps] == process.end else {
            throw Failure(
                .data, place: "t",
                "goes from \(times[0]) to \(times[steps]), the sampler from \(process.start) to \(process.end)")
        }
    }
}
