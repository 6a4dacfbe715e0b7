import Diffusion
import Tensors

/// DEIS with polynomials in the VP time of the process (Zhang and Chen 2023). On a flow these are polynomials of the data
/// prediction in sigma, since the noise prediction has an infinite weight at the start (docs/methods/solvers.md, "iPNDM-v
/// and DEIS").
struct DEISTime: SolverFamily {
    let name = "deis-tab"
    let orders = 1...4
    let isAdamsBashforth = true

    func options(order: Int) -> [Solver.Option] { [.analyticFirst] }
    func comfySampler(_ solver: Solver) -> String? { solver.order == 3 && solver.options.isEmpty ? "deis" : nil }

    func recursion<T: Real>(_ solver: Solver, _ grid: TimeGrid<T>, modelTimes: [T]) -> LinearRecursion<T> {
        if grid.process.startsWithoutSignal { return dataRecursion(grid, modelTimes, order: solver.order) }
        let vpTime = VPTime(grid.process)
        return adamsBashforth(grid, modelTimes, points: { min($0, solver.order) }) { nodes, from, to in
            lagrangeIntegrals(
                nodes: nodes.map(vpTime.time), from: vpTime.time(from), to: vpTime.time(to), density: vpTime.rate)
        }
    }

    /// Returns the recursion x_i = (sigma_i / sigma_{i-1}) x_{i-1} + sigma_i times the integral of D / sigma^2 over the step,
    /// for alpha = 1 - sigma.
    private func dataRecursion<T: Real>(
        _ grid: TimeGrid<T>, _ modelTimes: [T], order: Int
    ) -> LinearRecursion<T> {
        var recursion = LinearRecursion(prediction: .data, modelTimes: modelTimes)
        for i in 1...grid.steps {
            var row = LinearRecursion<T>.Combination()
            let nodes = (0..<min(i, order)).map { grid.sigma[i - 1 - $0] }
            row.add(state: i - 1, grid.sigma[i] / grid.sigma[i - 1])
            let integrals = inverseSquareIntegrals(nodes: nodes, from: grid.sigma[i], to: grid.sigma[i - 1])
            for (back, integral) in integrals.enumerated() { row.add(output: i - 1 - back, grid.sigma[i] * integral) }
            recursion.rows.append(.init(predictor: row))
        }
        return recursion
    }
}

extension Solver.Family {
    package static let deisTime = Self(DEISTime())
}
