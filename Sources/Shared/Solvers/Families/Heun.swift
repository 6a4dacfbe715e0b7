import Diffusion
import Tensors

/// Heun's method in EDM coordinates (Karras et al. 2022, Algorithm 1, without its random part).
struct Heun: SolverFamily {
    let name = "heun"
    let orders = 2...2

    func comfySampler(_ solver: Solver) -> String? { "heun" }

    func evaluations(_ solver: Solver, steps: Int, _ process: NoiseProcess) -> Int {
        2 * steps - (process.endsWithoutNoise ? 1 : 0)
    }

    /// A DDIM step to t_i, then a step along the mean of both slopes. The network is told model time i for the second.
    func recursion<T: Real>(_ solver: Solver, _ grid: TimeGrid<T>, modelTimes: [T]) -> LinearRecursion<T> {
        let process = grid.process
        var recursion = LinearRecursion(prediction: process.slope, modelTimes: [modelTimes[0]])
        for i in 1...grid.steps {
            let carry = process.carry(from: grid.times[i - 1], to: grid.times[i])
            let slope = carry.slope * (process.clock(grid.times[i]) - process.clock(grid.times[i - 1]))
            let here = recursion.rows.count
            var euler = LinearRecursion<T>.Combination()
            euler.add(state: here, carry.state)
            euler.add(output: here, slope)
            recursion.rows.append(.init(predictor: euler, completesStep: false))
            recursion.modelTimes.append(modelTimes[i])
            var heun = LinearRecursion<T>.Combination()
            heun.add(state: here, carry.state)
            heun.add(output: here, 0.5 * slope)
            heun.add(output: here + 1, 0.5 * slope)
            recursion.rows.append(.init(predictor: heun))
            recursion.modelTimes.append(modelTimes[i])
        }
        return recursion
    }
}

extension Solver.Family {
    package static let heun = Self(Heun())
}
