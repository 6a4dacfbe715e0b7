import Diffusion
import Tensors

// The solvers that keep no history.

extension Solver {
    /// x_i = x_{i-1} + (t_i - t_{i-1}) (f x_{i-1} + g^2 / (2 sigma) e_{i-1}), all at t_{i-1} (M4.1).
    func eulerRecursion<T: Real>(_ grid: Grid<T>, _ modelTimes: [T]) -> LinearRecursion<T> {
        // In t the velocity of a flow is what DDIM's rule integrates already.
        if grid.process == .flow { return adamsBashforth(grid, modelTimes) { _ in [1.0] } }
        var recursion = LinearRecursion(prediction: .noise, modelTimes: modelTimes)
        for i in 1...grid.steps {
            let t = grid.times[i - 1]
            let step = grid.times[i] - t
            var predictor = LinearRecursion<T>.Combination()
            predictor.add(state: i - 1, 1.0 + step * grid.process.logAlphaRate(t))
            predictor.add(output: i - 1, step * grid.process.noiseRate(t))
            recursion.rows.append(.init(predictor: predictor))
        }
        return recursion
    }

    /// Heun's method in (x / alpha, s): Euler to t_i, then the mean of both slopes, the second asked at tau_i (M4.3).
    /// A last step to noise level zero is Euler's.
    func heunRecursion<T: Real>(_ grid: Grid<T>, _ modelTimes: [T]) -> LinearRecursion<T> {
        var recursion = LinearRecursion(prediction: grid.slope, modelTimes: [modelTimes[0]])
        for i in 1...grid.steps {
            let carry = grid.carry(from: grid.times[i - 1], to: grid.times[i])
            let slope = carry.slope * (grid.clock(grid.times[i]) - grid.clock(grid.times[i - 1]))
            let here = recursion.rows.count
            var euler = LinearRecursion<T>.Combination()
            euler.add(state: here, carry.state)
            euler.add(output: here, slope)
            let isLast = grid.sigma[i].value == 0
            recursion.rows.append(.init(predictor: euler, completesStep: isLast))
            recursion.modelTimes.append(modelTimes[i])
            if isLast { continue }
            var heun = LinearRecursion<T>.Combination()
            heun.add(state: here, carry.state)
            heun.add(output: here, 0.5 * slope)
            heun.add(output: here + 1, 0.5 * slope)
            recursion.rows.append(.init(predictor: heun))
            recursion.modelTimes.append(modelTimes[i])
        }
        return recursion
    }

    /// DPM-Solver-2 with r = 1/2 (M4.7): the midpoint in lambda, then its slope over the whole step. The midpoint is
    /// asked at its own exact time.
    func dpmSolverRecursion<T: Real>(_ grid: Grid<T>, _ modelTimes: [T]) -> LinearRecursion<T> {
        var recursion = LinearRecursion(prediction: .noise, modelTimes: [modelTimes[0]])
        for i in 1...grid.steps {
            let (t, u) = (grid.times[i - 1], grid.times[i])
            let here = recursion.rows.count
            var slopeAt = here
            if order == 2, i < grid.steps || !options.contains(.firstOrderLast) {
                let middle = grid.process.time(lambda: 0.5 * (grid.lambda[i - 1] + grid.lambda[i]))
                recursion.rows.append(
                    .init(
                        predictor: ddimStep(grid, from: t, to: middle, state: here, output: here), completesStep: false)
                )
                recursion.modelTimes.append(middle)
                slopeAt = here + 1
            }
            recursion.rows.append(.init(predictor: ddimStep(grid, from: t, to: u, state: here, output: slopeAt)))
            recursion.modelTimes.append(modelTimes[i])
        }
        return recursion
    }

    /// u = alpha_u / alpha_t x + alpha_u (s_u - s_t) e (M4.2).
    private func ddimStep<T: Real>(
        _ grid: Grid<T>, from t: T, to u: T, state: Int, output: Int
    ) -> LinearRecursion<T>.Combination {
        let carry = grid.carry(from: t, to: u)
        var combination = LinearRecursion<T>.Combination()
        combination.add(state: state, carry.state)
        combination.add(output: output, carry.slope * (grid.clock(u) - grid.clock(t)))
        return combination
    }
}
