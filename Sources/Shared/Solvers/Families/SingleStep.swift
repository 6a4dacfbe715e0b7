import Diffusion
import Tensors

// The solvers that keep no history.

extension Solver {
    /// x_i = x_{i-1} + (t_i - t_{i-1}) (f x_{i-1} + g^2 / (2 sigma) e_{i-1}), all at t_{i-1} (M4.1).
    func eulerRecursion<T: Real>(_ grid: TimeGrid<T>, _ modelTimes: [T]) -> LinearRecursion<T> {
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
    func heunRecursion<T: Real>(_ grid: TimeGrid<T>, _ modelTimes: [T]) -> LinearRecursion<T> {
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

    /// Singlestep DPM-Solver of order 1, 2 (M4.7) or 3 (Lu et al. 2022, DPM-Solver-3): inner points that divide a step
    /// of lambda evenly, each asked at its own exact time, and differences of slopes from the step's first one.
    func dpmSolverRecursion<T: Real>(_ grid: TimeGrid<T>, _ modelTimes: [T]) -> LinearRecursion<T> {
        var recursion = LinearRecursion(prediction: .noise, modelTimes: [modelTimes[0]])
        for i in 1...grid.steps {
            let order = singlestepOrder(i, of: grid.steps)
            let first = recursion.rows.count
            for point in 1...order {
                let isLast = point == order
                let share = Double(point) / Double(order)
                let lambda = grid.lambda[i - 1] + share * (grid.lambda[i] - grid.lambda[i - 1])
                let target = isLast ? grid.times[i] : grid.process.time(lambda: lambda)
                // Order 2 takes its midpoint's slope over the whole step.
                var step = ddimStep(
                    grid, from: grid.times[i - 1], to: target, state: first,
                    output: order == 2 ? first + point - 1 : first)
                if order == 3, point > 1 {
                    // e_newest - e_first is the change of the slope over (point - 1) / point of the way.
                    let h = lambda - grid.lambda[i - 1]
                    let change = -grid.process.sigma(target) * (T.expm1(h) / h - 1.0)
                    let weight = Double(point) / Double(point - 1) * change
                    step.add(output: first + point - 1, weight)
                    step.add(output: first, -weight)
                }
                recursion.rows.append(.init(predictor: step, completesStep: isLast))
                recursion.modelTimes.append(isLast ? modelTimes[i] : target)
            }
        }
        return recursion
    }

    private func singlestepOrder(_ step: Int, of steps: Int) -> Int {
        guard step == steps else { return order }
        return options.contains(.firstOrderLast) ? 1 : options.contains(.secondOrderLast) ? 2 : order
    }

    /// u = alpha_u / alpha_t x + alpha_u (s_u - s_t) e (M4.2).
    private func ddimStep<T: Real>(
        _ grid: TimeGrid<T>, from t: T, to u: T, state: Int, output: Int
    ) -> LinearRecursion<T>.Combination {
        let carry = grid.carry(from: t, to: u)
        var combination = LinearRecursion<T>.Combination()
        combination.add(state: state, carry.state)
        combination.add(output: output, carry.slope * (grid.clock(u) - grid.clock(t)))
        return combination
    }
}
