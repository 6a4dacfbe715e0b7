import Diagnostics
import Diffusion
import Schedules
import SolverTestSupport
import Solvers
import Tensors
import Testing

/// Equivalences, exactness and formal orders (M11.4, M11.5, M11.7), and counts (M4.9).
@Suite struct SolverPropertyTests {
    /// `solver` from x on `times`, tied.
    private func run(
        _ solver: Solver, _ denoiser: some Denoiser<Double>, process: NoiseProcess, times: [Double], from x: [Double]
    ) throws -> [Double] {
        let program = try solver.program(process: process, times: times)
        return try Executor<Double>(denoiser: denoiser).run(program, from: Tensor(shape: [1, x.count], elements: x))
            .elements
    }

    private func solver(_ family: Solver.Family, _ order: Int, _ options: Set<Solver.Option> = []) throws -> Solver {
        try Solver(family, order: order, options: options)
    }

    // MARK: Equivalences

    /// With tied times every solver is the same map in (x / alpha, s), but for Euler, which lives in t, and tAB-DEIS,
    /// which interpolates in it (M1.1, M11.7).
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
            for family in [Solver.Family.ipndm, .dpmSolver, .ipndmVariable, .deisTime] {
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

    /// M4.8's exact weights on the edm N = 10 grid at i = 3.
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

    /// On a grid that is even in the interpolation variable all Adams-Bashforth families agree.
    @Test func adamsBashforthOnEvenGrids() throws {
        let times = Discretization.uniform
        let grid = try times.times(steps: 8, process: .edm)
        for order in 1...4 {
            let a = try run(solver(.ipndm, order), planeMixture(), process: .edm, times: grid, from: [70, -30])
            let b = try run(solver(.ipndmVariable, order), planeMixture(), process: .edm, times: grid, from: [70, -30])
            // The warm-up steps of both use the same rising orders.
            #expect(relativeDistance(a, b) < 1e-10)
        }
    }

    // MARK: Exactness

    /// A denoiser polynomial in lambda, or a noise prediction constant, whatever x is.
    private struct Scripted: Denoiser {
        let process: NoiseProcess
        let data: @Sendable (_ lambda: Double) -> Double
        var sampleShape: [Int] { [1] }
        var hasPullback: Bool { false }
        var labelCount: Int { 0 }

        func denoise(_ x: Tensor<Double>, at times: [Double], given condition: Condition) throws -> Tensor<Double> {
            Tensor(shape: x.shape, repeating: data(process.lambda(times[0])))
        }

        func linearize(_ x: Tensor<Double>, at times: [Double], given condition: Condition) throws -> Linearization<Double> {
            Linearization(value: try denoise(x, at: times, given: condition)) { Cotangents(x: $0, times: times) }
        }
    }

    /// The last predictor of a run with exact history: how far from the exact solution for D = lambda^degree.
    ///
    /// - Parameter lambdas: the grid; its last step is measured.
    private func oneStepError(_ solver: Solver, degree: Int, lambdas: [Double], corrected: Bool = false) throws
        -> Double
    {
        let process = NoiseProcess.edm(minimum: 1e-9, maximum: 1e9)
        let times = lambdas.map { process.time(lambda: $0) }
        let recursion = try solver.recursion(process: process, times: times, modelTimes: times)
        let row = try #require(recursion.rows.last)
        let combination = corrected ? try #require(row.corrector) : row.predictor
        func data(_ lambda: Double) -> Double { Double.pow(lambda, Double(degree)) }
        let here = lambdas.count - 2
        // x_{i-1} = 0.7, and D at each node is exact.
        var value = combination.states.reduce(0) { $0 + ($1.index == here ? $1.weight * 0.7 : .nan) }
        for (index, weight) in combination.outputs { value += weight * data(lambdas[index]) }
        // x_1 = sigma_1 / sigma_0 x + sigma_1 int e^lambda D, by fine Gauss-Legendre panels.
        let (a, b) = (lambdas[here], lambdas[here + 1])
        let nodes = [-0.9061798459386640, -0.5384693101056831, 0, 0.5384693101056831, 0.9061798459386640]
        let weights = [
            0.2369268850561891, 0.4786286704993665, 0.5688888888888889, 0.4786286704993665, 0.2369268850561891,
        ]
        var integral = 0.0
        for panel in 0..<40 {
            let half = (b - a) / 80
            let middle = a + (2 * Double(panel) + 1) * half
            for (node, weight) in zip(nodes, weights) {
                let lambda = middle + half * node
                integral += weight * half * Double.exp(lambda - b) * data(lambda)
            }
        }
        return abs(value - (times[here + 1] / times[here] * 0.7 + integral))
    }

    /// M11.5.
    @Test func exactness() throws {
        let lambdas = [-0.9, -0.35, 0.1, 0.8]
        func error(_ solver: Solver, _ degree: Int, corrected: Bool = false) throws -> Double {
            try oneStepError(solver, degree: degree, lambdas: lambdas, corrected: corrected)
        }
        let full: Set<Solver.Option> = [.noLowerOrderFinal]
        for variant in [Solver.Option.bh1, .bh2] {
            for order in 1...3 {
                let unip = try solver(.unipc, order, full.union([variant, .correctLast]))
                #expect(try error(unip, 0) < 1e-13)
                let degrees = order == 1 ? 0 : order
                for degree in 0...degrees { #expect(try error(unip, degree, corrected: true) < 1e-12) }
                #expect(try error(unip, degrees + 1, corrected: true) > 1e-6)
            }
            let third = try solver(.unipc, 3, full.union([variant]))
            let thirds = try (1...3).map { try error(third, $0) }
            #expect(thirds[0] < 1e-12 && thirds[1] < 1e-12 && thirds[2] > 1e-6)
        }
        let coded = try solver(.dpmSolverPlusPlus, 3, full)
        let exact = try solver(.dpmSolverPlusPlus, 3, full.union([.exactThird]))
        let codedErrors = try (0...2).map { try error(coded, $0) }
        #expect(codedErrors[0] < 1e-13 && codedErrors[1] < 1e-12 && codedErrors[2] > 1e-4)
        let exactErrors = try (1...3).map { try error(exact, $0) }
        #expect(exactErrors[0] < 1e-12 && exactErrors[1] < 1e-12 && exactErrors[2] > 1e-6)
        let second = try solver(.dpmSolverPlusPlus, 2, full)
        let secondErrors = try (0...1).map { try error(second, $0) }
        #expect(secondErrors[0] < 1e-13 && secondErrors[1] > 1e-4)
    }

    /// Slopes of the one-step error with exact history: p + 1 for DPM++1, 2 and UniP-p, p + 2 for UniPC-p; the coded
    /// third order of DPM++ falls short of 4, `exactThird` does not (M11.4).
    @Test func formalOrders() throws {
        func slope(_ solver: Solver, corrected: Bool = false) throws -> Double {
            // D = lambda^5 about lambda = 1 has every derivative; nodes 1, 0.7, 1.2 steps apart.
            func error(_ h: Double) throws -> Double {
                try oneStepError(
                    solver, degree: 5, lambdas: [1 - 1.9 * h, 1 - 0.7 * h, 1, 1 + h], corrected: corrected)
            }
            return try Double.log(error(0.08) / error(0.04)) / Double.log(2)
        }
        let full: Set<Solver.Option> = [.noLowerOrderFinal]
        for order in 1...2 {
            let value = try slope(solver(.dpmSolverPlusPlus, order, full))
            #expect(abs(value - Double(order + 1)) < 0.15, "DPM++ \(order): \(value)")
        }
        for order in 1...3 {
            let unipc = try solver(.unipc, order, full.union([.bh2, .correctLast]))
            let (predicted, corrected) = (try slope(unipc), try slope(unipc, corrected: true))
            #expect(abs(predicted - Double(order + 1)) < 0.2, "UniP \(order): \(predicted)")
            #expect(abs(corrected - Double(order + 2)) < 0.25, "UniPC \(order): \(corrected)")
        }
        #expect(try slope(solver(.dpmSolverPlusPlus, 3, full)) < 3.8)
        let exact = try slope(solver(.dpmSolverPlusPlus, 3, full.union([.exactThird])))
        #expect(abs(exact - 4) < 0.2, "exact third: \(exact)")
    }

    /// e constant: every slope-based solver is exact on any grid (M11.5).
    @Test func constantNoise() throws {
        let process: NoiseProcess = .edm
        let times = [80.0, 31, 30, 2.5, 2, 0.1, 0.002]
        // D = x - sigma e with e = 0.3; x follows the exact line 1 + sigma e.
        let denoiser = Scripted(process: process) { _ in 1 }
        for family in [Solver.Family.ddim, .euler, .ipndm, .ipndmVariable, .deisTime, .deisRho, .heun] {
            for order in family.orders {
                let result = try run(
                    solver(family, order), denoiser, process: process, times: times, from: [1 + 80 * 0.3])
                #expect(abs(result[0] - (1 + 0.002 * 0.3)) < 1e-10, "\(family) \(order)")
            }
        }
    }

    // MARK: Counts and names

    /// Exactly the evaluations that M4.9 needs.
    @Test func evaluationCounts() throws {
        for solver in everySolver {
            for steps in 1...8 {
                let times = try Discretization.logSNR.times(steps: steps, process: .edm)
                let program = try solver.program(process: .edm, times: times)
                #expect(program.evaluations == solver.evaluations(steps: steps), "\(solver.name) N = \(steps)")
                #expect(program.steps == steps)
                let counter = Counter(base: try planeMixture())
                _ = try Executor<Double>(denoiser: counter).run(program, from: Tensor(shape: [1, 2], repeating: 3))
                #expect(counter.calls.value == program.evaluations)
            }
            for budget in 3...10 {
                let (planned, steps) = try solver.plan(evaluations: budget)
                let isHeun = solver.family == .heun
                #expect(planned.evaluations(steps: steps) == (isHeun ? budget / 2 * 2 : budget), "\(solver.name)")
            }
        }
        #expect(throws: Failure.self) { try Solver(.heun).plan(evaluations: 1) }
    }

    @Test func names() throws {
        for solver in everySolver {
            #expect(try Solver(name: solver.family.rawValue, order: solver.order, variant: solver.variant) == solver)
        }
        #expect(try Solver(name: "uni_pc_bh2_3").name == "unipc 3 bh2")
        #expect(try Solver(name: "unipc") == Solver(.unipc, order: 3, options: [.bh1]))
        #expect(try Solver(name: "dpm_solver++2") == Solver(.dpmSolverPlusPlus, order: 2))
        for (name, order, variant) in [
            ("rk45", nil, nil), ("ipndm", 5, nil), ("ipndm7", nil, nil), ("unipc", 3, "bh3"), ("ipndm", 3, "bh1"),
            ("unipc", 3, "bh1,bh2"), ("heun", 3, nil), ("dpm-solver++", 2, "exact-third"), ("", nil, nil),
        ] as [(String, Int?, String?)] {
            #expect(throws: Failure.self) { try Solver(name: name, order: order, variant: variant) }
        }
    }

    /// Solvers that divide by alpha refuse the flow; the others reach t = 0 exactly.
    @Test func flow() throws {
        let gaussian = GaussianDenoiser<Double>(sampleShape: [1], mean: 0.3, deviation: 0.4, process: .flow)
        let times = try Discretization.uniform.times(steps: 400, process: .flow)
        // Exact map of the flow: x_0 = m + c z for z standard normal.
        for name in ["euler", "ddim", "heun", "ipndm2", "ipndm_v3"] {
            let result = try run(Solver(name: name), gaussian, process: .flow, times: times, from: [1.5])
            #expect(abs(result[0] - (0.3 + 0.4 * 1.5)) < (name == "euler" || name == "ddim" ? 5e-3 : 1e-3), "\(name)")
        }
        for name in ["unipc", "dpm-solver++", "dpm-solver", "deis-tab"] {
            #expect(throws: Failure.self) { try Solver(name: name).program(process: .flow, times: times) }
        }
    }

    /// DDIM along k / 100 on Gaussian data, by the factors of M11.3; its last state is D (M1.9).
    @Test func pointCloud() throws {
        let process = NoiseProcess.vpDiscrete(.pointCloud)
        let (mean, deviation) = (0.3, 0.4)
        let gaussian = GaussianDenoiser<Double>(sampleShape: [1], mean: mean, deviation: deviation, process: process)
        let times = try Discretization.uniform.times(steps: 100, process: process)
        var alphaBars = [1.0]
        for k in 1...100 { alphaBars.append(alphaBars[k - 1] * (1 - (1e-4 + 0.0199 * Double(k - 1) / 99))) }
        let sigmas = alphaBars.reversed().map { ((1 - $0) / $0).squareRoot() }
        let variance = deviation * deviation
        let factor = zip(sigmas, sigmas.dropFirst()).reduce(1.0) {
            $0 * ($1.0 * $1.1 + variance) / ($1.0 * $1.0 + variance)
        }
        let start = 1.5 / alphaBars[100].squareRoot()
        let program = try Solver(.ddim).program(process: process, times: times)
        var registers: [Int: Tensor<Double>] = [:]
        let result = try Executor(denoiser: gaussian).run(program, from: Tensor(shape: [1, 1], elements: [1.5])) {
            registers[$0] = $1
        }
        #expect(program.evaluations == 100 && abs(result[0] - (mean + (start - mean) * factor)) < 1e-12)
        let last = try #require(registers[program.states[99]])
        #expect(try abs(result[0] - gaussian.denoise(last, at: [0.01], given: .none)[0]) < 1e-14)
        // The exact flow.
        let exact = mean + (start - mean) * deviation / (variance + sigmas[0] * sigmas[0]).squareRoot()
        for (name, tolerance) in [
            ("ddim", 1e-2), ("euler", 2e-2), ("heun", 1e-3), ("ipndm3", 1e-3), ("ipndm_v3", 1e-3), ("deis-rho", 1e-3),
        ] {
            let value = try run(Solver(name: name), gaussian, process: process, times: times, from: [1.5])[0]
            #expect(abs(value - exact) < tolerance, "\(name): \(value - exact)")
        }
    }

    /// What needs lambda refuses the end of the point cloud's process in one line, and runs where the times stop before.
    @Test func pointCloudRefusals() throws {
        let process = NoiseProcess.vpDiscrete(.pointCloud)
        let times = try Discretization.uniform.times(steps: 5, process: process)
        for name in ["unipc", "dpm-solver++", "dpm-solver", "deis-tab"] {
            let solver = try Solver(name: name)
            do {
                _ = try solver.program(process: process, times: times)
                Issue.record("\(name) runs")
            } catch let failure as Failure {
                #expect(failure.status == .usage && failure.message.contains(solver.name), "\(name)")
                #expect(!failure.message.contains("\n") && failure.message.contains("sigma = 0"))
            }
            let program = try solver.program(process: process, times: times.dropLast() + [0.01])
            let result = try Executor<Double>(denoiser: planeMixture(process)).run(
                program, from: Tensor(shape: [1, 2], elements: [0.9, -0.7]))
            #expect(result.elements.allSatisfy { $0.isFinite }, "\(name)")
        }
        #expect(throws: Failure.self) { try Discretization.logSNR.times(steps: 4, process: process) }
    }

    /// Slope-based solvers may end at sigma = 0, where x_N = D (M4.1, M4.3).
    @Test func lastStepToZero() throws {
        for name in ["euler", "ddim", "heun", "ipndm3", "dpm_solver++2", "uni_pc_bh2_3"] {
            let times = [80.0, 10, 1, 0.1, 0]
            let program = try Solver(name: name).program(process: .edm, times: times)
            let result = try Executor<Double>(denoiser: planeMixture()).run(
                program, from: Tensor(shape: [1, 2], elements: [50, -20]))
            #expect(result.elements.allSatisfy { $0.isFinite })
            #expect(program.evaluations == (name == "heun" ? 7 : 4))
        }
    }
}
