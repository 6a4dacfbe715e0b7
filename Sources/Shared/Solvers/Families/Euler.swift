import Diffusion
import Tensors

/// Euler's method in t, or in sigma on a flow (docs/methods/solvers.md, "Euler").
struct Euler: SolverFamily {
    let name = "euler"
    let orders = 1...1

    func options(order: Int) -> [Solver.Option] { [.analyticFirst] }
    func comfySampler(_ solver: Solver) -> String? { solver.options.isEmpty ? "euler" : nil }

    /// x_i = x_{i-1} + (t_i - t_{i-1}) dx/dt at t_{i-1}, with sigma for t on a flow.
    func recursion<T: Real>(_ solver: Solver, _ grid: TimeGrid<T>, modelTimes: [T]) -> LinearRecursion<T> {
        var recursion = LinearRecursion(prediction: grid.process.slope, modelTimes: modelTimes)
        for i in 1...grid.steps {
            let t = grid.times[i - 1]
            let step = grid.process.odeTime(grid.times[i]) - grid.process.odeTime(t)
            let derivative = grid.process.derivative(t)
            var predictor = LinearRecursion<T>.Combination()
            predictor.add(state: i - 1, 1.0 + step * derivative.state)
            predictor.add(output: i - 1, step * derivative.slope)
            recursion.rows.append(.init(predictor: predictor))
        }
        return recursion
    }
}

extension Solver.Family {
    package static let euler = Self(Euler())
}
