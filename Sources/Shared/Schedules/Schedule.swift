import Diagnostics
import Diffusion
import Solvers
import Tensors

/// Times with the solver that they belong to.
package struct Schedule: Sendable, Equatable {
    package var solver: Solver
    package var process: NoiseProcess
    /// The times t_0 to t_N, which fall from T to t_min.
    package var times: [Double]
    /// The times that the network is told, as many; equal to `times` if they are tied.
    package var modelTimes: [Double]
    /// Learned coefficients in place of the solver's own; nil if there are none.
    package var coefficients: CoefficientMatrices?
    /// The method that found it: ld3, dmn, gits, ays, d-ode, heuristic, or the name of a discretization.
    package var method: String
    /// The loss that was minimized; nil if none was.
    package var loss: String?
    /// The validation loss of the start.
    package var lossBefore: Double?
    /// The validation loss of the result. After a refit on all pairs it is the loss before the refit.
    package var lossAfter: Double?
    /// The metadata of how it came about: the model with its settings, the history, and keys that others added
    /// (docs/STREAM.md, "Parts and metadata").
    package private(set) var made: [String: String] = [:]

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

    /// Makes the schedule of a discretization for a number of evaluations.
    package init(
        _ discretization: Discretization, solver: Solver, evaluations: Int, process: NoiseProcess
    ) throws {
        let (planned, steps) = try solver.plan(evaluations: evaluations, process: process)
        try self.init(discretization, solver: planned, steps: steps, process: process)
    }

    package init(_ discretization: Discretization, solver: Solver, steps: Int, process: NoiseProcess) throws {
        let times = try discretization.times(steps: steps, process: process)
        self.init(solver: solver, process: process, times: times, method: discretization.spelling)
        if case .tabulated(let table) = discretization, let given = table.modelTimes {
            // The network is told t itself at both ends.
            modelTimes = [times[0]] + given.dropFirst().dropLast() + [times[steps]]
        }
    }

    /// Takes what `metadata` tell of how the schedule came about, in place of what is known so far.
    package mutating func record(_ metadata: [String: String]) {
        made = metadata.filter { !Self.ownKeys.contains($0.key) }
    }

    package var steps: Int { times.count - 1 }

    /// Whether the network is told the solver's own times.
    package var isTied: Bool { times == modelTimes }

    /// Returns the step program. Throws `.data` if a coefficient is not finite.
    package func program() throws -> StepProgram<Double> {
        guard let coefficients else {
            return try requireFinite(solver.program(process: process, times: times, modelTimes: modelTimes))
        }
        var program = StepProgram(coefficients.recursion(modelTimes: modelTimes), process: process)
        program.isThresholded = solver.options.contains(.thresholding)
        return try requireFinite(program)
    }

    /// Throws `.data` if a coefficient or a time of the program is not finite.
    private func requireFinite(_ program: StepProgram<Double>) throws -> StepProgram<Double> {
        let numbers = program.instructions.flatMap { instruction -> [Double] in
            switch instruction {
            case .evaluate(_, let time, _): [time]
            case .combine(let terms): terms.map(\.coefficient)
            }
        }
        guard numbers.allSatisfy(\.isFinite) else {
            throw Failure(
                .data, place: "t", "gives coefficients that are not finite with solver \(solver.name)",
                suggestion: "two times may be too close, or the last one too far from the others")
        }
        return program
    }

    /// Returns the network evaluations of one sample.
    package func evaluations() throws -> Int {
        try solver.isForeign ? solver.evaluations(steps: steps, process: process) : program().evaluations
    }

    /// Throws `.data` if the schedule is for another process.
    package func check(isFor process: NoiseProcess) throws {
        guard self.process == process else {
            throw Failure(
                .data, "is for the process \(self.process.spelling), the model's is \(process.spelling)")
        }
    }

    /// A note for the user if the times stop above the end of the process; nil if they reach it.
    package var noteOnEnd: String? {
        let (last, end) = (times[steps], process.end)
        guard process.hasNoiseLevels, last > end else { return nil }
        func level(_ t: Double) -> String { compact(process.listedSigma(t), digits: 6) }
        return
            "the times end at sigma = \(level(last)), above the end of process \(process.spelling), \(level(end)): the "
            + "samples keep this noise, unless another model goes on from there or a last 0 is added"
    }

    /// Throws `.data` if the times cannot be followed.
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
        guard !(times[steps] < process.noiseFreeTime) else {
            throw Failure(
                .data, place: "t", "ends at \(times[steps]), below \(process.noiseFreeTime), where no noise is left")
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
        _ = try program()
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
