import Diagnostics
import Diffusion
import Formats
import Schedules
import SolverTestSupport
import Solvers
import Tensors
import TestSupport
import Testing

/// Solvers on a flow, whose log-SNR is infinite at both ends (docs/methods/solvers.md, "Infinite log-SNR").
@Suite struct FlowTests {
    /// Every solver that needs no data from a noise prediction at the start.
    static let solvers = everySolver.filter { solver in
        (try? solver.program(process: .flow, times: [1, 0.5, 0])) != nil
    }

    @Test func whichSolversRun() throws {
        let names = Set(Self.solvers.map(\.family.name))
        #expect(names == Set(Solver.Family.all.map(\.name)).subtracting(["dpm-solver"]))
        for name in ["dpm-solver", "dpm-solver++", "ipndm", "deis-tab"] {
            let variant = ["dpm-solver": nil, "dpm-solver++": "noise"][name] ?? "afs"
            let failure = #expect(throws: Failure.self) {
                try Solver(name: name, variant: variant).program(process: .flow, times: [1, 0.5, 0])
            }
            #expect(failure?.status == .usage && failure?.message.contains("alpha = 0") == true, "\(name)")
        }
    }

    /// Results of an implementation in NumPy, which has exact integrals of polynomials for DEIS and leaves out the points
    /// at infinite lambda.
    @Test func recorded() throws {
        let file = try SafetensorsFile(path: Fixtures.path("solvers/flow.safetensors"))
        let mixture = try MixtureDenoiser<Double>(
            weights: file.tensor("mixture/weights").doubles(), means: file.tensor("mixture/means").tensor(),
            deviations: file.tensor("mixture/stds").tensor(), process: .flow)
        let start: Tensor<Double> = try file.tensor("x_T").tensor()
        let names = try #require(file.metadata["solvers"]).split(separator: ",").map(String.init)
        var compared = 0
        for name in file.tensorNames where name.hasSuffix("/t") {
            let times = try file.tensor(name).doubles()
            let all = try file.tensor(name.dropLast(1) + "x0").doubles()
            for (index, solver) in names.enumerated() {
                let words = solver.split(separator: " ").map(String.init)
                let solver = try Solver(name: words[0], order: words.count > 1 ? Int(words[1]) : nil)
                let result = try Executor(denoiser: mixture).run(
                    solver.program(process: .flow, times: times), from: start)
                let expected = Array(all[4 * index..<4 * index + 4])
                let error = relativeDistance(result.elements, expected)
                #expect(error < 1e-9, "\(name) \(solver.name): \(error)")
                compared += 1
            }
        }
        #expect(compared == 8 * 17)
    }

    /// x_0 = m + c z for Gaussian data and the standard normal noise z.
    @Test func reachesGaussianData() throws {
        let gaussian = GaussianDenoiser<Double>(sampleShape: [1], mean: 0.3, deviation: 0.4, process: .flow)
        let times = try Discretization.uniform.times(steps: 80, process: .flow)
        for solver in Self.solvers {
            let result = try run(solver, gaussian, process: .flow, times: times, from: [1.5])
            let tolerance = solver.order == 1 ? 2.5e-2 : 5e-3
            #expect(abs(result[0] - (0.3 + 0.4 * 1.5)) < tolerance, "\(solver.name): \(result[0])")
        }
    }

    /// One step from noise to data is the data prediction, whatever the solver.
    @Test func oneStepIsTheDataPrediction() throws {
        let mixture = try planeMixture(.flow)
        let start = Tensor(shape: [1, 2], elements: [0.9, -0.7])
        let data = try mixture.denoise(start, at: [1], given: .none)
        for solver in Self.solvers {
            let program = try solver.program(process: .flow, times: [1, 0])
            #expect(program.evaluations == 1, "\(solver.name)")
            #expect(relativeDistance(try Executor(denoiser: mixture).run(program, from: start), data) < 1e-14)
        }
    }

    /// A shift moves times, not states: even steps under a shift are the shifted grid of the flow.
    @Test func shiftIsAGrid() throws {
        let shifted = NoiseProcess.flow(shift: 3)
        let start = Tensor(shape: [2, 2], elements: [1.1, -0.4, 0.3, 0.8])
        for solver in Self.solvers {
            let results = try [(NoiseProcess.flow, Discretization.shift(3)), (shifted, .uniform)].map { process, grid in
                let program = try solver.program(process: process, times: grid.times(steps: 6, process: process))
                return try Executor<Double>(denoiser: planeMixture(process)).run(program, from: start)
            }
            #expect(relativeDistance(results[0], results[1]) < 1e-12, "\(solver.name)")
        }
    }

    /// Derivatives in the inner times, which LD3 learns, are finite and agree with central differences.
    @Test(arguments: [NoiseProcess.flow, .flow(shift: 3)]) func derivatives(process: NoiseProcess) throws {
        for solver in Self.solvers {
            try expectExactDerivatives(of: solver, along: [0.91, 0.72, 0.41, 0.13], process)
        }
    }
}
