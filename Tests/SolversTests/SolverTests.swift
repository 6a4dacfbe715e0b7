import Diagnostics
import Diffusion
import Schedules
import SolverTestSupport
import Solvers
import Tensors
import Testing

/// Names, orders, options and costs of every solver.
@Suite struct SolverTests {
    /// A program has the evaluations that the solver promises, and the executor makes no more.
    @Test func evaluationCounts() throws {
        for solver in everySolver {
            for steps in 1...8 {
                let times = try Discretization.logSNR.times(steps: steps, process: .edm)
                let program = try solver.program(process: .edm, times: times)
                #expect(
                    program.evaluations == solver.evaluations(steps: steps, process: .edm),
                    "\(solver.name) N = \(steps)")
                #expect(program.steps == steps)
                let counter = Counter(base: try planeMixture())
                _ = try Executor<Double>(denoiser: counter).run(program, from: Tensor(shape: [1, 2], repeating: 3))
                #expect(counter.calls.value == program.evaluations)
            }
        }
    }

    /// A budget buys the most evaluations that do not exceed it, counted in the denoiser, on every process. Where lambda is
    /// finite, only Heun leaves one over.
    @Test(arguments: [
        NoiseProcess.edm, .vpLinear, .vpCosine, .vpDiscrete(.stableDiffusion), .vpDiscrete(.pointCloud), .flow,
        .flow(shift: 3),
    ])
    func budgetsAreSpent(process: NoiseProcess) throws {
        func program(_ solver: Solver, steps: Int) throws -> StepProgram<Double> {
            try solver.program(
                process: process, times: Discretization.uniform.times(steps: steps, process: process))
        }
        for solver in everySolver {
            guard (try? program(solver, steps: 2)) != nil else { continue }
            let costs = try (1...14).map { try program(solver, steps: $0).evaluations }
            for budget in 2...12 {
                let most = costs.filter { $0 <= budget }.max() ?? 0
                let (planned, steps) = try solver.plan(evaluations: budget, process: process)
                let counter = Counter(base: try planeMixture(process))
                _ = try Executor<Double>(denoiser: counter).run(
                    program(planned, steps: steps), from: Tensor(shape: [1, 2], repeating: 0.3))
                let bought = counter.calls.value
                let name = "\(solver.name), \(budget) on \(process.spelling)"
                #expect(bought == planned.evaluations(steps: steps, process: process), "\(name)")
                #expect(bought >= most && bought <= budget, "\(name): \(bought)")
                if process.hasFiniteLogSNR, solver.family != .heun { #expect(bought == budget, "\(name)") }
            }
        }
        #expect(throws: Failure.self) { try Solver(.heun).plan(evaluations: 1, process: .edm) }
        #expect(try Solver(.heun).plan(evaluations: 9, process: .flow).steps == 5)
        #expect(try Solver(.dpmSolverPlusPlusSinglestep, order: 3).plan(evaluations: 9, process: .flow).steps == 4)
    }

    @Test func names() throws {
        for solver in everySolver {
            #expect(try Solver(name: solver.family.name, order: solver.order, variant: solver.variant) == solver)
        }
        #expect(try Solver(name: "uni_pc_bh2_3").name == "unipc 3 bh2")
        #expect(try Solver(name: "unipc") == Solver(.unipc, order: 3, options: [.bh1]))
        #expect(try Solver(name: "dpm_solver++2") == Solver(.dpmSolverPlusPlus, order: 2))
        #expect(try Solver(name: "dpm_solver++2s") == Solver(.dpmSolverPlusPlusSinglestep, order: 2))
        for (name, order, variant) in [
            ("rk45", nil, nil), ("ipndm", 5, nil), ("ipndm7", nil, nil), ("unipc", 3, "bh3"), ("ipndm", 3, "bh1"),
            ("unipc", 3, "bh1,bh2"), ("heun", 3, nil), ("dpm-solver++", 2, "exact-third"), ("", nil, nil),
        ] as [(String, Int?, String?)] {
            #expect(throws: Failure.self) { try Solver(name: name, order: order, variant: variant) }
        }
    }

    /// Names and options of different families do not get into each other's way.
    @Test func registry() throws {
        #expect(Set(Solver.spellings).count == Solver.Family.all.count)
        #expect(Set(Solver.Option.all.map(\.word)).count == Solver.Option.all.count)
        for family in Solver.Family.all {
            let usual = try Solver(family)
            #expect(family.orders.contains(usual.order))
            #expect(try Solver(name: family.name) == usual)
        }
    }

    /// Options that exclude each other, or that the order does not have, are refused.
    @Test func options() throws {
        for (family, order, options) in [
            (.unipc, 3, [.bh1, .bh2]), (.unipc, 3, [.noCorrector, .correctLast]), (.dpmSolver, 2, [.secondOrderLast]),
            (.dpmSolver, 3, [.firstOrderLast, .secondOrderLast]), (.dpmSolverPlusPlus, 2, [.exactThird]),
            (.dpmSolverPlusPlus, 3, [.noise, .thresholding]), (.heun, 2, [.analyticFirst]),
        ] as [(Solver.Family, Int, Set<Solver.Option>)] {
            #expect(throws: Failure.self) { try Solver(family, order: order, options: options) }
        }
    }
}
