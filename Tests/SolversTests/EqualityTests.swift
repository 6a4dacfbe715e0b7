import Diffusion
import Schedules
import SolverTestSupport
import Solvers
import Tensors
import Testing

/// Solvers that must be the same map (docs/methods/solvers.md, "Equalities").
@Suite struct EqualityTests {
    /// Tied solvers are the same map in EDM coordinates, except Euler, which steps in t, and tAB-DEIS, which interpolates
    /// in it.
    @Test func coordinates() throws {
        let process = NoiseProcess.vpLinear
        let times = try Discretization.uniform.times(steps: 6, process: process)
        let sigmas = times.map { process.scaledSigma($0) }
        let range = NoiseProcess.edm(minimum: sigmas[6], maximum: sigmas[0])
        let x = [0.9, -0.7]
        for solver in everySolver where ![.euler, .deisTime].contains(solver.family) {
            let there = try run(solver, planeMixture(process), process: process, times: times, from: x)
            let here = try run(
                solver, planeMixture(range), process: range, times: sigmas, from: x.map { $0 / process.alpha(times[0]) }
            )
            let back = here.map { $0 * process.alpha(times[6]) }
            #expect(relativeDistance(there, back) < 1e-11, "\(solver.name)")
        }
    }

    @Test func identities() throws {
        for process in [NoiseProcess.edm, .vpLinear, .vpCosine] {
            let mixture = try planeMixture(process)
            let times = try Discretization.logSNR.times(steps: 5, process: process)
            let x = [0.9 * process.priorScale, -0.7 * process.priorScale]
            func result(_ family: Solver.Family, _ order: Int, _ options: Set<Solver.Option> = []) throws -> [Double] {
                try run(solver(family, order, options), mixture, process: process, times: times, from: x)
            }
            func same(_ a: [Double], _ b: [Double]) -> Bool { relativeDistance(a, b) < 1e-11 }
            let ddim = try result(.ddim, 1)
            #expect(try same(result(.dpmSolverPlusPlus, 1), ddim))
            #expect(try same(result(.dpmSolverPlusPlus, 1, [.noise]), ddim))
            #expect(try same(result(.unipc, 1, [.noCorrector]), ddim))
            let families: [Solver.Family] = [
                .ipndm, .dpmSolver, .dpmSolverPlusPlusSinglestep, .ipndmVariable, .deisTime,
            ]
            for family in families {
                #expect(try same(result(family, 1), ddim))
            }
            for options: Set<Solver.Option> in [[], [.noLowerOrderFinal]] {
                #expect(
                    try same(
                        result(.unipc, 2, options.union([.bh2, .noCorrector])), result(.dpmSolverPlusPlus, 2, options)))
            }
            #expect(try !same(result(.unipc, 2, [.bh1, .noCorrector]), result(.dpmSolverPlusPlus, 2)))
            for order in 1...3 {
                #expect(try same(result(.deisRho, order), result(.ipndmVariable, order + 1)))
            }
            if process == .edm { #expect(try same(result(.euler, 1), ddim)) }
        }
    }

    /// Exact weights on EDM's grid of 10 steps, at step 4.
    @Test func variableAdamsBashforthWeights() throws {
        let times = try Discretization.edm.times(steps: 10, process: .edm)
        for (order, expected) in [
            (3, [1.40736363, -0.485236, 0.07787238]), (4, [1.48231029, -0.62884102, 0.16192482, -0.0153941]),
        ] {
            let recursion = try Solver(.ipndmVariable, order: order).recursion(
                process: .edm, times: times, modelTimes: times)
            let step = times[4] - times[3]
            for (back, weight) in expected.enumerated() {
                let term = try #require(recursion.rows[3].predictor.outputs.first { $0.index == 3 - back })
                #expect(abs(term.weight / step - weight) < 1e-7)
            }
        }
    }

    /// On a grid that is even in s, constant and exact weights agree.
    @Test func adamsBashforthOnEvenGrids() throws {
        let times = Discretization.uniform
        let grid = try times.times(steps: 8, process: .edm)
        for order in 1...4 {
            let a = try run(solver(.ipndm, order), planeMixture(), process: .edm, times: grid, from: [70, -30])
            let b = try run(solver(.ipndmVariable, order), planeMixture(), process: .edm, times: grid, from: [70, -30])
            #expect(relativeDistance(a, b) < 1e-10)
        }
    }
}
