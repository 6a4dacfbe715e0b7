import Diffusion
import Tensors

/// Adams-Bashforth with the weights of an even grid, whatever the grid is (Zhang and Chen 2023).
struct IPNDM: SolverFamily {
    let name = "ipndm"
    let publishedNames: [(pattern: String, options: Set<Solver.Option>)] = [("ipndm#", [])]
    let orders = 1...4
    let isAdamsBashforth = true

    func options(order: Int) -> [Solver.Option] { [.analyticFirst] }
    func comfySampler(_ solver: Solver) -> String? { solver.order == 4 && solver.options.isEmpty ? "ipndm" : nil }

    func recursion<T: Real>(_ solver: Solver, _ grid: TimeGrid<T>, modelTimes: [T]) -> LinearRecursion<T> {
        adamsBashforth(grid, modelTimes) { weights(order: min(solver.order, $0)) }
    }

    private func weights<T: Real>(order: Int) -> [T] {
        switch order {
        case 1: [1.0]
        case 2: [1.5, -0.5]
        case 3: [T(23.0 / 12), T(-16.0 / 12), T(5.0 / 12)]
        default: [T(55.0 / 24), T(-59.0 / 24), T(37.0 / 24), T(-9.0 / 24)]
        }
    }
}

extension Solver.Family {
    package static let ipndm = Self(IPNDM())
}
