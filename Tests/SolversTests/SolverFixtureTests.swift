import Diffusion
import Formats
import Solvers
import Tensors
import TestSupport
import Testing

/// Results and exact gradients of the reference solvers on an analytic mixture, in Double.
@Suite struct SolverFixtureTests {
    @Test(arguments: SolverFixture.all) func reference(name: String, process: NoiseProcess) throws {
        let fixture = try SolverFixture(name, process: process)
        #expect(try fixture.checkResults() >= 480)
        #expect(try fixture.checkTrajectories() >= 12)
        #expect(try fixture.checkGradients() >= 100)
    }
}

/// One file of Tests/Fixtures/solvers. Its Heun ignores model times, so that solver is compared with tied times. Each
/// check returns the number of tensors that it compared.
struct SolverFixture {
    let file: SafetensorsFile
    let process: NoiseProcess
    let start: Tensor<Double>
    let executor: Executor<Double>

    /// The files and their processes.
    static let all: [(String, NoiseProcess)] = [
        ("ve", .edm), ("vp_linear", .vpLinear), ("vp_cosine", .vpCosine),
        ("vp_discrete", .vpDiscrete(.stableDiffusion)),
    ]

    init(_ name: String, process: NoiseProcess) throws {
        file = try SafetensorsFile(path: Fixtures.path("solvers/\(name).safetensors"))
        self.process = process
        start = try file.tensor("x_T").tensor()
        let mixture = try MixtureDenoiser<Double>(
            weights: file.tensor("mixture/weights").doubles(), means: file.tensor("mixture/means").tensor(),
            deviations: file.tensor("mixture/stds").tensor(), process: process)
        executor = Executor(denoiser: mixture)
    }

    /// Takes "x0/GRID/nfeK/SOLVER" apart.
    func parse(_ name: String) throws -> (skip: String, nfe: Int, solver: Solver, steps: Int) {
        let parts = name.split(separator: "/").map(String.init)
        let nfe = try #require(Int(parts[2].dropFirst(3)))
        let (solver, steps) = try Solver(name: parts[3]).plan(evaluations: nfe, process: process)
        return (parts[1], nfe, solver, steps)
    }

    func numbers(_ name: String) throws -> [Double] { try file.tensor(name).doubles() }

    func checkResults() throws -> Int {
        var count = 0
        for name in file.tensorNames where name.hasPrefix("x0/") || name.hasPrefix("x0_coupled/") {
            let (skip, nfe, solver, steps) = try parse(name)
            let times = try numbers("t1/\(skip)/n\(steps)")
            let isTied = name.hasPrefix("x0_coupled/") || solver.family == .heun
            let modelTimes = isTied ? times : try numbers("t2/\(skip)/n\(steps)")
            let program = try solver.program(process: process, times: times, modelTimes: modelTimes)
            #expect(program.evaluations == (solver.family == .heun ? 2 * steps : nfe), "\(name)")
            #expect(program.evaluations == solver.evaluations(steps: steps, process: process), "\(name)")
            let expected: Tensor<Double> = try file.tensor(name).tensor()
            let error = relativeDistance(try executor.run(program, from: start), expected)
            #expect(error < 1e-9, "\(name): \(error)")
            count += 1
        }
        return count
    }

    func checkTrajectories() throws -> Int {
        var count = 0
        for name in file.tensorNames where name.hasPrefix("trajectory/") {
            let (skip, _, solver, steps) = try parse(name)
            let modelGrid = solver.family == .heun ? "t1" : "t2"
            let program = try solver.program(
                process: process, times: numbers("t1/\(skip)/n\(steps)"),
                modelTimes: numbers("\(modelGrid)/\(skip)/n\(steps)"))
            var registers: [Int: Tensor<Double>] = [:]
            _ = try executor.run(program, from: start) { registers[$0] = $1 }
            let states = Tensor.concatenate(program.states.compactMap { registers[$0] })
            let expected: Tensor<Double> = try file.tensor(name).tensor()
            let error = relativeDistance(states.reshaped(expected.shape), expected)
            #expect(error < 1e-9, "\(name): \(error)")
            count += 1
        }
        return count
    }

    func checkGradients() throws -> Int {
        let cotangent: Tensor<Double> = try file.tensor("v").tensor()
        var count = 0
        for name in file.tensorNames where name.hasPrefix("grad/") && name.hasSuffix("/d_t1") {
            let (skip, _, solver, steps) = try parse(name)
            let stem = name.dropLast("/d_t1".count)
            let isTied = solver.family == .heun
            let result = try gradients(
                of: solver, process: process, times: numbers("gt1/\(skip)/n\(steps)"),
                modelTimes: numbers("\(isTied ? "gt1" : "gt2")/\(skip)/n\(steps)"), executor: executor, start: start,
                cotangent: cotangent)
            let expected: Tensor<Double> = try file.tensor("gx0" + stem.dropFirst("grad".count)).tensor()
            #expect(relativeDistance(result.value, expected) < 1e-9, "\(stem)")
            let expectedStart: Tensor<Double> = try file.tensor("\(stem)/d_xT").tensor()
            #expect(relativeDistance(result.start, expectedStart) < 1e-7, "\(stem)/d_xT")
            if isTied { #expect(try numbers("\(stem)/d_t2").allSatisfy { $0 == 0 }, "\(stem)/d_t2") }
            let tied = zip(result.times, result.modelTimes).map { $0 + $1 }
            let compared = isTied ? [("d_t1", tied)] : [("d_t1", result.times), ("d_t2", result.modelTimes)]
            for (suffix, gradient) in compared {
                let error = relativeDistance(gradient, try numbers("\(stem)/\(suffix)"))
                #expect(error < 1e-7, "\(stem)/\(suffix): \(error)")
                count += 1
            }
        }
        return count
    }
}
