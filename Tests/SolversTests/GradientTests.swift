import Diffusion
import Schedules
import SolverTestSupport
import Solvers
import Tensors
import Testing

@Suite struct GradientTests {
    static let processes: [NoiseProcess] = [.edm, .vpLinear, .vpCosine, .flow]

    /// Derivatives in times, model times and x_T against central differences, for every solver that runs on the process.
    @Test(arguments: processes) func centralDifferences(process: NoiseProcess) throws {
        let executor = Executor<Double>(denoiser: try planeMixture(process))
        var compared = 0
        for solver in everySolver {
            for steps in [1, 2, 3, 5] {
                let times = Self.times(steps: steps, process: process)
                guard (try? solver.program(process: process, times: times)) != nil else { continue }
                try check(solver, process, times: times, executor: executor)
                compared += 1
            }
        }
        #expect(compared >= (process == .flow ? 40 : 160))
    }

    /// Returns a gentle grid inside the process, so that differences may move the ends too.
    static func times(steps: Int, process: NoiseProcess) -> [Double] {
        let (high, low) = process == .edm ? (3.0, 0.2) : (0.8, 0.15)
        return (0...steps).map { high * Double.pow(low / high, Double($0) / Double(steps)) }
    }

    private func check(
        _ solver: Solver, _ process: NoiseProcess, times: [Double], executor: Executor<Double>
    ) throws {
        let modelTimes = times.enumerated().map { $1 * ($0 % 2 == 0 ? 1.02 : 0.98) }
        let start = Tensor(shape: [2, 2], elements: [1.1, -0.4, 0.3, 0.8].map { $0 * (1 + process.sigma(times[0])) })
        let cotangent = Tensor(shape: [2, 2], elements: [0.7, -1.2, 0.5, 0.9])
        func loss(_ times: [Double], _ modelTimes: [Double], _ start: Tensor<Double>) throws -> Double {
            try executor.run(
                solver.program(process: process, times: times, modelTimes: modelTimes), from: start
            ).dot(cotangent)
        }
        let exact = try gradients(
            of: solver, process: process, times: times, modelTimes: modelTimes, executor: executor, start: start,
            cotangent: cotangent)
        func slope(_ list: [Double], _ index: Int, _ value: ([Double]) throws -> Double) rethrows -> Double {
            let h = 1e-5 * list[index]
            var (above, below) = (list, list)
            above[index] += h
            below[index] -= h
            return try (value(above) - value(below)) / (2 * h)
        }
        let times1 = try times.indices.map { index in try slope(times, index) { try loss($0, modelTimes, start) } }
        let times2 = try times.indices.map { index in try slope(modelTimes, index) { try loss(times, $0, start) } }
        let starts = try (0..<4).map { index in
            try slope(start.elements, index) { try loss(times, modelTimes, Tensor(shape: [2, 2], elements: $0)) }
        }
        for (name, gradient, differences) in [
            ("t", exact.times, times1), ("model times", exact.modelTimes, times2),
            ("x_T", exact.start.elements, starts),
        ] {
            let scale = differences.reduce(1e-2) { max($0, abs($1)) }
            let error = zip(gradient, differences).reduce(0) { max($0, abs($1.0 - $1.1)) } / scale
            #expect(error < 2e-6, "\(solver.name), \(process.spelling), N = \(times.count - 1), d\(name): \(error)")
        }
    }

    /// Derivatives in the times of a run that ends at sigma = 0. The end itself is constant.
    @Test func pointCloudTimes() throws {
        // The slope of log alpha jumps at the knots, so the times lie between them.
        for name in ["ddim", "euler", "heun", "ipndm3", "ipndm_v3", "deis-rho"] {
            try expectExactDerivatives(
                of: Solver(name: name), along: [0.7137, 0.4023, 0.1351], .vpDiscrete(.pointCloud))
        }
    }

    /// Thresholding is part of the program. It changes large results, and its gradient is exact.
    @Test func thresholding() throws {
        let mixture = try MixtureDenoiser<Double>(
            weights: [0.6, 0.4], means: Tensor(shape: [2, 2], elements: [1.7, 0.4, -0.6, -2.1]),
            deviations: Tensor(shape: [2], elements: [0.3, 0.2]))
        let executor = Executor<Double>(denoiser: mixture)
        let times = Self.times(steps: 4, process: .edm)
        for (family, order) in [(Solver.Family.dpmSolverPlusPlus, 3), (.unipc, 3)] {
            let solver = try Solver(family, order: order, options: [.thresholding])
            try check(solver, .edm, times: times, executor: executor)
            let start = Tensor(shape: [1, 2], elements: [40.0, -30])
            let cut = try executor.run(solver.program(process: .edm, times: times), from: start)
            let whole = try executor.run(Solver(family, order: order).program(process: .edm, times: times), from: start)
            #expect(relativeDistance(cut, whole) > 0.1)
        }
        #expect(throws: (any Error).self) { try Solver(.ipndm, options: [.thresholding]) }
        #expect(throws: (any Error).self) { try Solver(.dpmSolverPlusPlus, options: [.noise, .thresholding]) }
    }

    /// Kept and recomputed activations give the same bits, also in Float.
    @Test func policiesAgreeBitForBit() throws {
        let mixture = try MixtureDenoiser<Float>(
            weights: [0.3, 0.7], means: Tensor(shape: [2, 3], elements: [-0.4, 0.5, 0.1, 0.2, -0.7, 0.3]),
            deviations: Tensor(shape: [2], elements: [0.1, 0.2]))
        let executor = Executor<Float>(denoiser: mixture)
        let start = Tensor<Float>(shape: [3, 3], elements: (0..<9).map { Float($0) * 20 - 80 })
        let cotangent = Tensor<Float>(shape: [3, 3], elements: (0..<9).map { 0.3 * Float($0) - 1 })
        for solver in everySolver {
            let schedule = try Schedule(.edm, solver: solver, steps: 5, process: .edm)
            let results = try [ActivationPolicy.keep, .recompute].map { policy in
                let trace = try executor.trace(schedule.program(), from: start, policy: policy)
                return (trace.result, try executor.pullback(trace, cotangent: cotangent))
            }
            #expect(results[0].0 == results[1].0, "\(solver.name)")
            #expect(results[0].1.start == results[1].1.start, "\(solver.name)")
            #expect(results[0].1.coefficients == results[1].1.coefficients, "\(solver.name)")
            #expect(try executor.run(schedule.program(), from: start) == results[0].0, "\(solver.name)")
        }
    }

    /// A known register saves its evaluation and changes no result. No gradient flows into a constant register.
    @Test func knownRegisters() throws {
        let counter = Counter(base: try planeMixture())
        let executor = Executor<Double>(denoiser: counter)
        let start = Tensor(shape: [1, 2], elements: [30.0, -50])
        let program = try Schedule(.edm, solver: Solver(.unipc), steps: 5, process: .edm).program()
        var registers: [Int: Tensor<Double>] = [:]
        let result = try executor.run(program, from: start) { registers[$0] = $1 }
        #expect(counter.calls.value == 5)
        let first = try #require(registers[1])
        #expect(try executor.run(program, from: start, known: [1: first]) == result)
        #expect(counter.calls.value == 9)
        let trace = try executor.trace(program, from: start, policy: .recompute, known: [1: first])
        let gradient = try executor.pullback(trace, cotangent: result, constants: [1])
        #expect(gradient.coefficients[0] == [0])
        let whole = try executor.pullback(trace, cotangent: result)
        #expect(whole.coefficients.dropFirst() == gradient.coefficients.dropFirst() && whole.coefficients[0] != [0])
    }

    /// The error of a network that returns NaN names the sample and the step.
    @Test func notANumber() throws {
        let executor = Executor<Double>(denoiser: Poisoned(), seeds: [7, 9])
        let program = try Schedule(.edm, solver: Solver(.ipndm), steps: 5, process: .edm).program()
        do {
            _ = try executor.run(program, from: Tensor(shape: [2, 2], elements: [1, 2, 3, 4]))
            Issue.record("no error")
        } catch {
            #expect("\(error)".contains("seed 9, step 2"))
        }
    }
}

/// Counts evaluations, one for each call.
struct Counter: Denoiser {
    final class Calls: @unchecked Sendable { var value = 0 }

    let base: MixtureDenoiser<Double>
    let calls = Calls()
    var sampleShape: [Int] { base.sampleShape }
    var hasPullback: Bool { true }
    var labelCount: Int { 0 }

    func denoise(_ x: Tensor<Double>, at times: [Double], given condition: Condition) throws -> Tensor<Double> {
        calls.value += 1
        return try base.denoise(x, at: times, given: condition)
    }

    func linearize(_ x: Tensor<Double>, at times: [Double], given condition: Condition) throws -> Linearization<Double>
    {
        calls.value += 1
        return try base.linearize(x, at: times, given: condition)
    }
}

/// Returns NaN in the second sample below sigma = 10.
private struct Poisoned: Denoiser {
    var sampleShape: [Int] { [2] }
    var hasPullback: Bool { false }
    var labelCount: Int { 0 }

    func denoise(_ x: Tensor<Double>, at times: [Double], given condition: Condition) throws -> Tensor<Double> {
        var value = x
        if times[0] < 15 { value[3] = .nan }
        return value
    }

    func linearize(_ x: Tensor<Double>, at times: [Double], given condition: Condition) throws -> Linearization<Double>
    {
        Linearization(value: try denoise(x, at: times, given: condition)) { Cotangents(x: $0, times: times) }
    }
}
