import Diffusion
import SolverTestSupport
import Solvers
import Tensors
import Testing

/// Orders of convergence on a flow (docs/methods/solvers.md, "Infinite log-SNR").
@Suite struct FlowConvergenceTests {
    static let process: NoiseProcess = .flow
    static let starts = Tensor(shape: [4, 2], elements: [1.1, -0.4, 0.3, 0.8, -1.6, 0.2, -0.5, -1.3])

    static let full = "no-lower-order-final"

    /// The order of a solver from 40 to 320 steps along t = cos^2(pi i / 2 N). The first and the last step of this grid have
    /// the length of 1 / N^2, so that their own order 1 does not hide the order of the others.
    static let orders: [(name: String, variant: String?, range: ClosedRange<Double>)] = [
        ("euler", nil, 0.9...1.1), ("ddim", nil, 0.9...1.1), ("heun", nil, 1.9...2.2), ("ipndm2", nil, 1.9...2.2),
        ("ipndm_v3", nil, 2.7...3.2), ("dpm_solver++1", nil, 0.9...1.1), ("dpm_solver++2", nil, 1.9...2.2),
        ("dpm_solver++2", full, 1.9...2.2), ("dpm_solver++3", "exact-third", 2.7...3.4),
        ("dpm_solver++1s", nil, 0.9...1.1), ("dpm_solver++2s", nil, 1.9...2.1), ("dpm_solver++3s", nil, 2.7...3.1),
        ("uni_pc_bh1_1", nil, 1.9...2.2), ("uni_pc_bh2_1", nil, 1.9...2.2), ("uni_pc_bh1_2", nil, 2.8...3.4),
        ("uni_pc_bh2_2", nil, 2.8...3.4), ("uni_pc_bh1_3", nil, 3.4...4.2), ("uni_pc_bh2_3", nil, 3.4...4.2),
        ("deis-tab", nil, 2.8...3.4), ("deis-rho", nil, 3.4...4.3),
    ]

    @Test func alongSquaredCosines() throws {
        let expected = try Self.exact()
        let executor = Executor<Double>(denoiser: try planeMixture(Self.process))
        for row in Self.orders {
            let solver = try Solver(name: row.name, variant: row.variant)
            let errors = try [40, 320].map { steps in
                var times = (0...steps).map { index in
                    let cosine = Double.cos(.pi / 2 * Double(index) / Double(steps))
                    return cosine * cosine
                }
                times[steps] = 0
                let program = try solver.program(process: Self.process, times: times)
                let result = try executor.run(program, from: Self.starts)
                return zip(result.elements, expected.elements).reduce(0) { $0 + abs($1.0 - $1.1) }
            }
            let order = Double.log(errors[0] / errors[1]) / Double.log(8)
            #expect(row.range.contains(order), "\(row.name) \(row.variant ?? ""): \(order)")
        }
    }

    /// Returns the solution of dx/dt = (x - D(x; t)) / t from 1 to 0 by the classical Runge-Kutta method, with a midpoint step
    /// at the end, where t = 0 cannot be divided by.
    private static func exact() throws -> Tensor<Double> {
        let mixture = try planeMixture(process)
        let h = 1.0 / 2000
        func rate(_ x: Tensor<Double>, _ t: Double) throws -> Tensor<Double> {
            let data = try mixture.denoise(x, at: [Double](repeating: t, count: x.batch), given: .none)
            return Tensor(shape: x.shape, elements: zip(x.elements, data.elements).map { ($0 - $1) / t })
        }
        func moved(_ x: Tensor<Double>, _ weight: Double, _ y: Tensor<Double>) -> Tensor<Double> {
            Tensor(shape: x.shape, elements: zip(x.elements, y.elements).map { $0 + weight * $1 })
        }
        let last = try (0..<1999).reduce(starts) { x, step in
            let t = 1 - Double(step) * h
            let a = try rate(x, t)
            let b = try rate(moved(x, -h / 2, a), t - h / 2)
            let c = try rate(moved(x, -h / 2, b), t - h / 2)
            let d = try rate(moved(x, -h, c), t - h)
            return moved(x, -h / 6, moved(moved(a, 2, b), 1, moved(d, 2, c)))
        }
        return moved(last, -h, try rate(moved(last, -h / 2, rate(last, h)), h / 2))
    }
}
