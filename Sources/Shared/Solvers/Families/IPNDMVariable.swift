import Diffusion
import Tensors

/// Adams-Bashforth with exact weights for uneven steps, from polynomials in s through as many points as the order
/// (docs/methods/solvers.md, "iPNDM-v and DEIS").
struct IPNDMVariable: SolverFamily {
    let name = "ipndm-v"
    let publishedNames: [(pattern: String, options: Set<Solver.Option>)] = [("ipndm_v#", [])]
    let orders = 1...4
    let isAdamsBashforth = true

    func options(order: Int) -> [Solver.Option] { [.analyticFirst] }
    func comfySampler(_ solver: Solver) -> String? { solver.order == 4 && solver.options.isEmpty ? "ipndm_v" : nil }

    func recursion<T: Real>(_ solver: Solver, _ grid: TimeGrid<T>, modelTimes: [T]) -> LinearRecursion<T> {
        adamsBashforth(grid, modelTimes, points: { min($0, solver.order) }) { nodes, from, to in
            lagrangeIntegrals(
                nodes: nodes.map(grid.process.clock), from: grid.process.clock(from), to: grid.process.clock(to))
        }
    }
}

extension Solver.Family {
    package static let ipndmVariable = Self(IPNDMVariable())
}
