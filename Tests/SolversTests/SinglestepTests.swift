import Diffusion
import Schedules
import SolverTestSupport
import Solvers
import Tensors
import Testing

/// DPM-Solver++ singlestep against the formulas of Lu et al. 2022b, written out here.
@Suite struct SinglestepTests {
    static let processes: [NoiseProcess] = [.edm(minimum: 0.1, maximum: 8), .vpLinear, .vpCosine]

    /// DPM-Solver++(2S), Algorithm 1, with r = 1/2: u is the state at the midpoint s of lambda, and the step follows
    /// (1 - 1 / (2 r)) D(x) + 1 / (2 r) D(u).
    @Test(arguments: processes) func secondOrder(process: NoiseProcess) throws {
        let formula = Formula(process: process, denoiser: try planeMixture(process))
        let (t, next) = (0.7 * process.start, 0.2 * process.start)
        let x = [0.8 * process.priorScale, -0.3 * process.priorScale]
        let (h, r) = (process.lambda(next) - process.lambda(t), 0.5)
        let s = process.time(lambda: process.lambda(t) + r * h)
        let first = try formula.data(x, t)
        let u = formula.step(x, from: t, to: s, along: first)
        let second = try formula.data(u, s)
        let mixed = zip(first, second).map { (1 - 1 / (2 * r)) * $0 + 1 / (2 * r) * $1 }
        let expected = formula.step(x, from: t, to: next, along: mixed)
        let solver = try Solver(.dpmSolverPlusPlusSinglestep, order: 2)
        let result = try run(solver, formula.denoiser, process: process, times: [t, next], from: x)
        #expect(relativeDistance(result, expected) < 1e-12)
    }

    /// The update (3S) of the authors' code with r_1 = 1/3 and r_2 = 2/3.
    @Test(arguments: processes) func thirdOrder(process: NoiseProcess) throws {
        let formula = Formula(process: process, denoiser: try planeMixture(process))
        let (t, next) = (0.7 * process.start, 0.2 * process.start)
        let x = [0.8 * process.priorScale, -0.3 * process.priorScale]
        let (h, r1, r2) = (process.lambda(next) - process.lambda(t), 1.0 / 3, 2.0 / 3)
        let s1 = process.time(lambda: process.lambda(t) + r1 * h)
        let s2 = process.time(lambda: process.lambda(t) + r2 * h)
        let first = try formula.data(x, t)
        let second = try formula.data(formula.step(x, from: t, to: s1, along: first), s1)
        func corrected(_ target: Double, _ weight: Double, _ newest: [Double]) -> [Double] {
            zip(formula.step(x, from: t, to: target, along: first), zip(newest, first)).map {
                $0 + weight * ($1.0 - $1.1)
            }
        }
        let phi22 = Double.expm1(-r2 * h) / (r2 * h) + 1
        let third = try formula.data(corrected(s2, r2 / r1 * process.alpha(s2) * phi22, second), s2)
        let phi2 = Double.expm1(-h) / h + 1
        let expected = corrected(next, process.alpha(next) / r2 * phi2, third)
        let solver = try Solver(.dpmSolverPlusPlusSinglestep, order: 3)
        let result = try run(solver, formula.denoiser, process: process, times: [t, next], from: x)
        #expect(relativeDistance(result, expected) < 1e-12)
    }

    /// One step is exact if D is constant in lambda, at order 3 also if it is linear, and at no order if it is quadratic.
    @Test func exactness() throws {
        let process = NoiseProcess.edm(minimum: 1e-9, maximum: 1e9)
        let (a, b) = (-0.4, 0.5)
        for (order, exactDegree) in [(1, 0), (2, 0), (3, 1)] {
            for degree in 0...2 {
                let data: @Sendable (Double) -> Double = { Double.pow($0 - a, Double(degree)) }
                let expected = exactStep(from: 0.7, a, b, data)
                let result = try run(
                    Solver(.dpmSolverPlusPlusSinglestep, order: order), Scripted(process: process, data: data),
                    process: process, times: [process.time(lambda: a), process.time(lambda: b)], from: [0.7])
                let error = abs(result[0] - expected)
                #expect(degree <= exactDegree ? error < 1e-12 : error > 1e-3, "\(order) \(degree): \(error)")
            }
        }
    }

    /// The last step has the order that is left over, as with the noise prediction.
    @Test(arguments: [Solver.Family.dpmSolver, .dpmSolverPlusPlusSinglestep])
    func budgets(family: Solver.Family) throws {
        for (order, evaluations, steps, options) in [
            (1, 5, 5, []), (2, 4, 2, []), (2, 5, 3, [.firstOrderLast]), (3, 6, 2, []), (3, 7, 3, [.firstOrderLast]),
            (3, 8, 3, [.secondOrderLast]),
        ] as [(Int, Int, Int, Set<Solver.Option>)] {
            let bought = try Solver(family, order: order).plan(evaluations: evaluations, process: .edm)
            #expect(bought.steps == steps && bought.solver.options == options)
            #expect(bought.solver.evaluations(steps: steps, process: .edm) == evaluations)
        }
    }
}

/// The formulas of data prediction, without the solvers' code.
private struct Formula {
    let process: NoiseProcess
    let denoiser: MixtureDenoiser<Double>

    /// Returns D(x; t).
    func data(_ x: [Double], _ t: Double) throws -> [Double] {
        try denoiser.denoise(Tensor(shape: [1, x.count], elements: x), at: [t], given: .none).elements
    }

    /// Returns sigma_u / sigma_t x - alpha_u (e^-h - 1) D.
    func step(_ x: [Double], from t: Double, to u: Double, along data: [Double]) -> [Double] {
        let h = process.lambda(u) - process.lambda(t)
        return zip(x, data).map {
            process.sigma(u) / process.sigma(t) * $0 - process.alpha(u) * (Double.exp(-h) - 1) * $1
        }
    }
}
