import Diffusion
import Schedules
import SolverTestSupport
import Solvers
import Tensors
import Testing

/// Changes of volume, and the bound of the paper's Theorem 1 (docs/methods/metrics.md, "Log-determinant").
@Suite struct LogDeterminantTests {
    private let deviation = 0.5

    private func gaussian(_ dimension: Int) -> GaussianDenoiser<Double> {
        GaussianDenoiser(sampleShape: [dimension], mean: 0.3, deviation: deviation)
    }

    private func volume(
        _ solver: Solver, _ times: [Double], _ denoiser: some Denoiser<Double>, from start: Tensor<Double>,
        batch: Int = 3
    ) throws -> [Double] {
        try Executor(denoiser: denoiser).logDeterminants(
            solver.program(process: .edm, times: times), from: start, batch: batch)
    }

    /// Euler on Gaussian data gives d sum log((t_i t_{i+1} + c^2) / (t_i^2 + c^2)).
    @Test(arguments: [2, 5, 8]) func eulerOnGaussianData(dimension: Int) throws {
        let times = try Discretization.edm.times(steps: 5, process: .edm)
        let c2 = deviation * deviation
        let factors = zip(times, times.dropFirst()).map { t, u in (t * u + c2) / (t * t + c2) }
        let expected = Double(dimension) * factors.reduce(0) { $0 + Double.log($1) }
        let start = Tensor(shape: [2, dimension], elements: (0..<2 * dimension).map { 10 * Double($0) - 30 })
        let values = try volume(Solver(.euler), times, gaussian(dimension), from: start)
        #expect(values.count == 2 && values.allSatisfy { abs($0 - expected) < 1e-10 })
    }

    /// A fine solve gives the exact flow's (d / 2) log((t_N^2 + c^2) / (t_0^2 + c^2)).
    @Test func exactFlow() throws {
        let times = try Discretization.logSNR.times(steps: 400, process: .edm)
        let c2 = deviation * deviation
        let expected = 1.5 * Double.log((0.002 * 0.002 + c2) / (80 * 80 + c2))
        let values = try volume(
            Solver(.unipc), times, gaussian(3), from: Tensor(shape: [1, 3], elements: [10, -20, 60]))
        #expect(abs(values[0] - expected) < 1e-4)
    }

    /// The determinant of a Jacobian of central differences, for every solver.
    @Test func centralDifferences() throws {
        for process in [NoiseProcess.edm, .vpLinear] {
            let mixture = try planeMixture(process)
            let times = try Discretization.logSNR.times(steps: 3, process: process)
            let scale = process.priorScale
            let x = [0.9 * scale, -0.7 * scale]
            for solver in everySolver {
                guard let program = try? solver.program(process: process, times: times) else { continue }
                let executor = Executor<Double>(denoiser: mixture)
                let value = try executor.logDeterminants(
                    program, from: Tensor(shape: [1, 2], elements: x), batch: 1)[0]
                func column(_ index: Int) throws -> [Double] {
                    let step = 1e-5 * scale
                    let ends = try [step, -step].map { step in
                        var moved = x
                        moved[index] += step
                        return try executor.run(program, from: Tensor(shape: [1, 2], elements: moved)).elements
                    }
                    return zip(ends[0], ends[1]).map { ($0 - $1) / (2 * step) }
                }
                let (a, b) = (try column(0), try column(1))
                #expect(abs(value - Double.log(abs(a[0] * b[1] - a[1] * b[0]))) < 1e-4, "\(solver.name)")
            }
        }
    }

    /// A sample's value depends on it alone, whatever the batch.
    @Test func batches() throws {
        let times = try Discretization.edm.times(steps: 4, process: .edm)
        let start = Tensor(shape: [3, 2], elements: [50, -20, 3, 90, -40, -70.0])
        let values = try volume(Solver(.ipndm), times, planeMixture(), from: start, batch: 1)
        #expect(try volume(Solver(.ipndm), times, planeMixture(), from: start, batch: 16) == values)
        #expect(try volume(Solver(.ipndm), times, planeMixture(), from: start.samples(1..<2))[0] == values[1])
    }

    /// On Gaussian data, a student with the optimal Euler schedule shrinks too much, by the factor `rel`. Its divergence is
    /// at most r^2 / 2 + r sqrt(d) + |difference of volumes|, with the radius r that the soft problem needs.
    @Test(arguments: [4, 6, 10]) func theoremHoldsOnGaussianData(steps: Int) throws {
        let dimension = 4
        let denoiser = GaussianDenoiser<Double>(sampleShape: [dimension], mean: 0, deviation: deviation)
        let times = try Discretization.arctan(deviation: deviation).times(steps: steps, process: .edm)
        let start = Tensor(shape: [1, dimension], elements: [80, -80, 80, -80.0])
        let student = try volume(Solver(.euler), times, denoiser, from: start)[0]
        let c2 = deviation * deviation
        let teacher = 0.5 * Double(dimension) * Double.log((0.002 * 0.002 + c2) / (80 * 80 + c2))
        // The maps are multiples of the identity, so the ratio of scales follows from the volumes.
        let rel = Double.exp((student - teacher) / Double(dimension))
        let expected = [4: 0.7316418973, 6: 0.8144255005, 10: 0.8849158552]
        #expect(abs(rel - (expected[steps] ?? 0)) < 1e-9)
        let divergence = 0.5 * Double(dimension) * (1 / (rel * rel) - 1 + 2 * Double.log(rel))
        // The noise 80 (1, -1, 1, -1) has length 2 in units of sigma_T.
        let radius = (1 / rel - 1) * 2
        let bound = radius * radius / 2 + radius * Double(dimension).squareRoot() + abs(student - teacher)
        #expect(divergence > 0 && divergence < bound)
    }
}
