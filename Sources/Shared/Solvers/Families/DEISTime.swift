import Diffusion
import Tensors

/// DEIS with polynomials in the VP time of the process (Zhang and Chen 2023).
struct DEISTime: SolverFamily {
    let name = "deis-tab"
    let orders = 1...4
    let isAdamsBashforth = true

    func options(order: Int) -> [Solver.Option] { [.analyticFirst] }
    func comfySampler(_ solver: Solver) -> String? { "deis" }

    func recursion<T: Real>(_ solver: Solver, _ grid: TimeGrid<T>, modelTimes: [T]) -> LinearRecursion<T> {
        let vpTime = VPTime(grid.process)
        return adamsBashforth(grid, modelTimes, points: { min($0, solver.order) }) { nodes, from, to in
            lagrangeIntegrals(
                nodes: nodes.map(vpTime.time), from: vpTime.time(from), to: vpTime.time(to), density: vpTime.rate)
        }
    }
}

extension Solver.Family {
    package static let deisTime = Self(DEISTime())
}
