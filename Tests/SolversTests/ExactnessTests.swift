import Diffusion
import Schedules
import SolverTestSupport
import Solvers
import Tensors
import Testing

/// The error of single steps with known predictions (docs/methods/solvers.md, "Order of convergence").
@Suite struct ExactnessTests {
    /// Returns the error of the last step of the grid `lambdas` for D = lambda^degree, from exact earlier values.
    ///
    /// - Parameter corrected: measures the corrector in place of the predictor.
    private func oneStepError(
        _ solver: Solver, degree: Int, lambdas: [Double], corrected: Bool = false
    ) throws -> Double {
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
        return abs(value - exactStep(from: 0.7, lambdas[here], lambdas[here + 1], data))
    }

    /// A step is exact up to the degree of D in lambda that its order promises, and no further.
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

    /// The slope of the error of one step is p + 1 for DPM-Solver++ of order 1 and 2 and for UniP of order p, and p + 2 for
    /// UniPC of order p. The published third order of DPM-Solver++ falls short of 4, `exactThird` does not.
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

    /// If the noise prediction is constant, every solver that follows slopes is exact on any grid.
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
}

/// A denoiser whose data prediction depends on lambda alone.
struct Scripted: Denoiser {
    let process: NoiseProcess
    let data: @Sendable (_ lambda: Double) -> Double
    var sampleShape: [Int] { [1] }
    var hasPullback: Bool { false }
    var labelCount: Int { 0 }

    func denoise(_ x: Tensor<Double>, at times: [Double], given condition: Condition) throws -> Tensor<Double> {
        Tensor(shape: x.shape, repeating: data(process.lambda(times[0])))
    }

    func linearize(_ x: Tensor<Double>, at times: [Double], given condition: Condition) throws -> Linearization<Double>
    {
        Linearization(value: try denoise(x, at: times, given: condition)) { Cotangents(x: $0, times: times) }
    }
}

/// Returns the exact solution sigma_b / sigma_a x + sigma_b int e^lambda D(lambda) d lambda of EDM's process, from lambda
/// = a to b, by fine Gauss-Legendre panels.
func exactStep(from x: Double, _ a: Double, _ b: Double, _ data: (Double) -> Double) -> Double {
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
    return Double.exp(a - b) * x + integral
}
