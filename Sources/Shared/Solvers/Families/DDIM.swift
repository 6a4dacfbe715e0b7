import Diffusion
import Tensors

/// Euler's method in EDM coordinates, which is DPM-Solver of order 1 (docs/methods/solvers.md, "DDIM").
struct DDIM: SolverFamily {
    let name = "ddim"
    let orders = 1...1

    func options(order: Int) -> [Solver.Option] { [.analyticFirst] }
    func comfySampler(_ solver: Solver) -> String? { solver.options.isEmpty ? "euler" : nil }

    func recursion<T: Real>(_ solver: Solver, _ grid: TimeGrid<T>, modelTimes: [T]) -> LinearRecursion<T> {
        adamsBashforth(grid, modelTimes) { _ in [1.0] }
    }
}

extension Solver.Family {
    package static let ddim = Self(DDIM())
}
