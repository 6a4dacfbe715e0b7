import Diffusion
import Schedules
import SolverTestSupport
import Solvers
import Tensors
import Testing

/// Orders of convergence on a mixture, with s from 8 to 0.1 (docs/methods/solvers.md, "Order of convergence").
@Suite struct ConvergenceTests {
    static let process = NoiseProcess.edm(minimum: 0.1, maximum: 8)
    static let starts = Tensor(shape: [8, 2], elements: [5, -3.5, -6, 4, 9, 2, -2, -8, 3, 7, -7, -1, 1, -4, 0.5, 6])

    /// The range of a solver's order on the two smooth grids, and on the grid that is uniform in s.
    struct Row: Sendable {
        let name: String
        var variant: String?
        let smooth: ClosedRange<Double>
        let uniform: ClosedRange<Double>
    }

    private static let full = "no-lower-order-final"
    private static let (first, second) = (0.95...1.05, 1.9...2.1)

    static let table = [
        Row(name: "euler", smooth: first, uniform: first),
        Row(name: "ddim", smooth: first, uniform: first),
        Row(name: "dpm_solver++1", smooth: first, uniform: first),
        Row(name: "heun", smooth: second, uniform: second),
        Row(name: "dpm_solver2", smooth: second, uniform: second),
        Row(name: "ipndm2", smooth: second, uniform: 1.75...2),
        // Constant weights keep their order on an even grid only.
        Row(name: "ipndm3", smooth: second, uniform: 2.85...3.2),
        Row(name: "ipndm4", smooth: second, uniform: 3.6...4.4),
        Row(name: "dpm_solver++2", smooth: second, uniform: 1.75...2.25),
        Row(name: "dpm_solver++2", variant: full, smooth: second, uniform: 1.75...2.25),
        Row(name: "dpm_solver++3", smooth: 1.9...2.2, uniform: 2...2.4),
        // 3.2 up to N = 320, and then down to 2 for the halved quadratic term.
        Row(name: "dpm_solver++3", variant: full, smooth: 1.85...2.15, uniform: 2.5...3.4),
        Row(name: "uni_pc_bh1_1", smooth: second, uniform: 1.8...2),
        Row(name: "uni_pc_bh2_1", smooth: second, uniform: 1.8...2),
        Row(name: "uni_pc_bh1_2", smooth: 1.9...2.25, uniform: second),
        Row(name: "uni_pc_bh2_2", smooth: 1.9...2.25, uniform: second),
        Row(name: "uni_pc_bh1_2", variant: full, smooth: 2.9...3.1, uniform: 2.6...3.25),
        Row(name: "uni_pc_bh2_2", variant: full, smooth: 2.9...3.1, uniform: 2.6...3.25),
        Row(name: "uni_pc_bh1_3", smooth: second, uniform: 1.85...2.1),
        Row(name: "uni_pc_bh2_3", smooth: second, uniform: 1.85...2.1),
        Row(name: "uni_pc_bh1_3", variant: full, smooth: 3.5...4.3, uniform: 3.8...4.2),
        Row(name: "uni_pc_bh2_3", variant: full, smooth: 3.5...4.3, uniform: 3.8...4.2),
    ]

    static let others = [
        Row(name: "dpm_solver3", smooth: 2.9...3.1, uniform: 2.9...3.1),
        Row(name: "dpm_solver++1s", smooth: first, uniform: first),
        Row(name: "dpm_solver++2s", smooth: second, uniform: second),
        Row(name: "dpm_solver++3s", smooth: 2.9...3.1, uniform: 2.9...3.1),
        Row(name: "dpm_solver++3", variant: "\(full),exact-third", smooth: 2...3, uniform: 2.9...3.2),
        Row(name: "ipndm_v2", smooth: second, uniform: 1.75...2),
        Row(name: "ipndm_v3", smooth: 2.7...3.1, uniform: 2.85...3.2),
        Row(name: "ipndm_v4", smooth: 2.8...3.6, uniform: 3.6...4.4),
        Row(name: "deis-tab", smooth: 2.7...3.1, uniform: 2.3...3.1),
        Row(name: "deis-rho", smooth: 2.8...3.6, uniform: 3.6...4.4),
    ]

    /// The mean slope of the mean error if N doubles, from 40 to 320.
    @Test(arguments: [Discretization.logSNR, .edm]) func onSmoothGrids(grid: Discretization) throws {
        for row in Self.table + Self.others {
            let order = try Self.order(row, grid, steps: [40, 320])
            #expect(row.smooth.contains(order), "\(row.name) \(row.variant ?? ""): \(order)")
        }
    }

    /// That slope from 160 to 640 steps. With fewer steps of even size, the last ones are longer than the place in s in
    /// which the components part.
    @Test func onUniformGrid() throws {
        for row in Self.table + Self.others {
            let order = try Self.order(row, .uniform, steps: [160, 640])
            #expect(row.uniform.contains(order), "\(row.name) \(row.variant ?? ""): \(order)")
        }
    }

    private static func order(_ row: Row, _ grid: Discretization, steps: [Int]) throws -> Double {
        let solver = try Solver(name: row.name, variant: row.variant)
        let executor = Executor<Double>(denoiser: try planeMixture(process))
        let expected = try exact.get()
        let errors = try steps.map { steps in
            let program = try solver.program(process: process, times: grid.times(steps: steps, process: process))
            let difference = try combined(executor.run(program, from: starts), -1, expected).elements
            return stride(from: 0, to: difference.count, by: 2).reduce(0) { sum, index in
                let (x, y) = (difference[index], difference[index + 1])
                return sum + (x * x + y * y).squareRoot()
            }
        }
        return Double.log(errors[0] / errors[1]) / Double.log(Double(steps[1]) / Double(steps[0]))
    }

    /// The solution of dx/du = x - D(x; e^u), where u = log s, by the classical Runge-Kutta method, which is no solver of
    /// ours.
    private static let exact = Result { () throws -> Tensor<Double> in
        let mixture = try planeMixture(process)
        let (first, last) = (Double.log(process.start), Double.log(process.end))
        let h = (last - first) / 4000
        func rate(_ x: Tensor<Double>, _ u: Double) throws -> Tensor<Double> {
            let times = [Double](repeating: Double.exp(u), count: x.batch)
            return try combined(x, -1, mixture.denoise(x, at: times, given: .none))
        }
        return try (0..<4000).reduce(starts) { x, step in
            let u = first + Double(step) * h
            let a = try rate(x, u)
            let b = try rate(combined(x, h / 2, a), u + h / 2)
            let c = try rate(combined(x, h / 2, b), u + h / 2)
            let d = try rate(combined(x, h, c), u + h)
            return combined(x, h / 6, combined(combined(a, 2, b), 1, combined(d, 2, c)))
        }
    }

    /// Returns x + weight y.
    private static func combined(_ x: Tensor<Double>, _ weight: Double, _ y: Tensor<Double>) -> Tensor<Double> {
        Tensor(shape: x.shape, elements: zip(x.elements, y.elements).map { $0 + weight * $1 })
    }
}
