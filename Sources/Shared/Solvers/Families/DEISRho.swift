import Diffusion
import Tensors

/// DEIS with polynomials of degree `order` in s, so that order K equals ipndm-v of order K + 1 (Zhang and Chen 2023).
struct DEISRho: SolverFamily {
    let name = "deis-rho"
    let orders = 1...3
    let isAdamsBashforth = true

    func options(order: Int) -> [Solver.Option] { [.analyticFirst] }

    func recursion<T: Real>(_ solver: Solver, _ grid: TimeGrid<T>, modelTimes: [T]) -> LinearRecursion<T> {
        adamsBashforth(grid, modelTimes, points: { min($0 - 1, solver.order) + 1 }) { nodes, from, to in
            lagrangeIntegrals(
                nodes: nodes.map(grid.process.clock), from: grid.process.clock(from), to: grid.process.clock(to))
        }
    }
}

extension Solver.Family {
    package static let deisRho = Self(DEISRho())
}
