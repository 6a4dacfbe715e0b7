import Diffusion
import Tensors

/// A family that keeps no history: each step has as many evaluations as its order, at inner points that divide the step
/// evenly in lambda. The last step may have a lower order, for a number of evaluations that the order does not divide.
protocol SinglestepFamily: SolverFamily {
    var prediction: Prediction { get }
    /// Returns the weights of the state at `from` and of the prediction there in a first-order step to the time `to`.
    func firstOrder<T: Real>(_ process: NoiseProcess, from: T, to: T) -> (state: T, output: T)
    /// Returns the weight of a change of the prediction by 1 from the time `from` to `to`, linear in lambda.
    func linearChange<T: Real>(_ process: NoiseProcess, to: T, h: T) -> T
}

extension SinglestepFamily {
    var orders: ClosedRange<Int> { 1...3 }
    var exclusions: [Set<Solver.Option>] { [[.firstOrderLast, .secondOrderLast]] }

    func options(order: Int) -> [Solver.Option] {
        (order > 1 ? [.firstOrderLast] : []) + (order == 3 ? [.secondOrderLast] : [])
    }

    /// The first step counts one evaluation if it begins where lambda is infinite, the last one if it ends there.
    func evaluations(_ solver: Solver, steps: Int, _ process: NoiseProcess) -> Int {
        guard steps > 0 else { return 0 }
        let isFirstUnbounded = process.startsWithoutSignal
        let last =
            process.endsWithoutNoise || steps == 1 && isFirstUnbounded
            ? 1 : stepOrder(solver, step: steps, of: steps)
        let first = steps == 1 ? 0 : isFirstUnbounded ? 1 : solver.order
        return first + solver.order * max(0, steps - 2) + last
    }

    /// Takes as many steps of the full order as the budget allows, and one more of the order that is left over.
    func purchase(_ solver: Solver, evaluations: Int, _ process: NoiseProcess) -> (solver: Solver, steps: Int) {
        var solver = solver
        solver.options.subtract([.firstOrderLast, .secondOrderLast])
        let steps = affordableSteps(solver, evaluations: evaluations, process)
        let rest = evaluations - self.evaluations(solver, steps: steps, process)
        // The last step to infinite lambda has order 1 already.
        guard rest > 0, !process.endsWithoutNoise else { return (solver, steps) }
        solver.options.insert(rest == 1 ? .firstOrderLast : .secondOrderLast)
        return (solver, steps + 1)
    }

    private func stepOrder(_ solver: Solver, step: Int, of steps: Int) -> Int {
        guard step == steps else { return solver.order }
        if solver.options.contains(.firstOrderLast) { return 1 }
        return solver.options.contains(.secondOrderLast) ? 2 : solver.order
    }

    /// Each inner point is a row of its own. The network is told its exact time.
    func recursion<T: Real>(_ solver: Solver, _ grid: TimeGrid<T>, modelTimes: [T]) -> LinearRecursion<T> {
        var recursion = LinearRecursion(prediction: prediction, modelTimes: [modelTimes[0]])
        for i in 1...grid.steps {
            // The inner points of an unbounded step coincide with its infinite end.
            let order = grid.isUnbounded(step: i) ? 1 : stepOrder(solver, step: i, of: grid.steps)
            let first = recursion.rows.count
            for point in 1...order {
                let isLast = point == order
                let share = Double(point) / Double(order)
                let lambda = grid.lambda[i - 1] + share * (grid.lambda[i] - grid.lambda[i - 1])
                let target = isLast ? grid.times[i] : grid.process.time(lambda: lambda)
                let weights = firstOrder(grid.process, from: grid.times[i - 1], to: target)
                var row = LinearRecursion<T>.Combination()
                row.add(state: first, weights.state)
                // Order 2 follows the midpoint's prediction over the whole step.
                row.add(output: order == 2 ? first + point - 1 : first, weights.output)
                if order == 3, point > 1 {
                    // The newest prediction less the first is the change over (point - 1) / point of the way.
                    let change = linearChange(grid.process, to: target, h: lambda - grid.lambda[i - 1])
                    let weight = Double(point) / Double(point - 1) * change
                    row.add(output: first + point - 1, weight)
                    row.add(output: first, -weight)
                }
                recursion.rows.append(.init(predictor: row, completesStep: isLast))
                recursion.modelTimes.append(isLast ? modelTimes[i] : target)
            }
        }
        return recursion
    }
}
