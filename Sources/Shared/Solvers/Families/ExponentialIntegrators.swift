import Diffusion
import Tensors

// Multistep exponential integrators in lambda: DPM-Solver++ and UniPC.

/// psi_1(u) = expm1(u) / u - 1, psi_{k+1} = psi_k / u - 1 / (k + 1)! (M4.5), for k = 1...count.
///
/// Near 0 by the series psi_k = sum_{m>=1} u^m / (m + k)!, where the recursion would lose its digits.
func psi<T: Real>(_ u: T, count: Int) -> [T] {
    guard abs(u.value) < 0.3 else {
        var factorial = 1.0
        var values = [T.expm1(u) / u - 1.0]
        for k in 1..<max(count, 1) {
            factorial *= Double(k + 1)
            values.append(values[k - 1] / u - 1 / factorial)
        }
        return values
    }
    return (1...count).map { k in
        // Horner from m = 18 down to 1; 0.3^19 is far below the last bit.
        var sum = T(0)
        for m in stride(from: 18, through: 1, by: -1) { sum = u * (sum + 1 / factorial(m + k)) }
        return sum
    }
}

/// n! as a Double.
func factorial(_ n: Int) -> Double { n < 2 ? 1 : (2...n).reduce(1) { $0 * Double($1) } }

/// The solution of sum_k w_k nodes_k^j = values_j, j = 0..<n (Björck and Pereyra).
func vandermondeSolution<T: Real>(nodes: [T], values: [T]) -> [T] {
    var w = values
    let last = nodes.count - 1
    for k in 0..<max(last, 0) {
        for i in stride(from: last, to: k, by: -1) { w[i] = w[i] - nodes[k] * w[i - 1] }
    }
    for k in stride(from: last - 1, through: 0, by: -1) {
        for i in (k + 1)...last { w[i] = w[i] / (nodes[i] - nodes[i - k - 1]) }
        for i in k..<last { w[i] = w[i] - w[i + 1] }
    }
    return w
}

extension Solver {
    /// DPM-Solver++ multistep, data prediction; `noise` for the noise prediction (M4.4).
    ///
    /// With u = -h and B = -alpha_i for the data, u = h and B = -sigma_i for the noise prediction, both forms are
    /// A x_{i-1} + B expm1(u) m_{i-1}, plus B expm1(u) D1 / 2 at order 2, plus B (psi_1(u) D1 + psi_2(u) D2) at order 3.
    func dpmSolverPlusPlusRecursion<T: Real>(_ grid: TimeGrid<T>, _ modelTimes: [T]) -> LinearRecursion<T> {
        let noise = options.contains(.noise)
        var recursion = LinearRecursion(prediction: noise ? .noise : .data, modelTimes: modelTimes)
        for i in 1...grid.steps {
            let stepOrder = stepOrder(i, of: grid.steps)
            let h = grid.lambda[i] - grid.lambda[i - 1]
            let u = noise ? h : -h
            let scale = noise ? -grid.sigma[i] : -grid.alpha[i]
            var row = LinearRecursion<T>.Combination()
            row.add(
                state: i - 1, noise ? grid.alpha[i] / grid.alpha[i - 1] : grid.sigma[i] / grid.sigma[i - 1])
            row.add(output: i - 1, scale * T.expm1(u))
            if stepOrder == 2 {
                let r = (grid.lambda[i - 1] - grid.lambda[i - 2]) / h
                row.addDifference(0.5 * scale * T.expm1(u) / r, i - 1, i - 2)
            } else if stepOrder == 3 {
                addThirdOrder(to: &row, grid, step: i, h: h, u: u, scale: scale)
            }
            recursion.rows.append(.init(predictor: row))
        }
        return recursion
    }

    /// D1_0 = (m0 - m1) / r0, D1_1 = (m1 - m2) / r1; the terms D1 = D1_0 + g (D1_0 - D1_1), g = r0 / (r0 + r1), and
    /// D2 = (D1_0 - D1_1) / (r0 + r1). The published code takes half of the last; `exactThird` the whole (DEF-28).
    private func addThirdOrder<T: Real>(
        to row: inout LinearRecursion<T>.Combination, _ grid: TimeGrid<T>, step i: Int, h: T, u: T, scale: T
    ) {
        let r0 = (grid.lambda[i - 1] - grid.lambda[i - 2]) / h
        let r1 = (grid.lambda[i - 2] - grid.lambda[i - 3]) / h
        let phi = psi(u, count: 2)
        let second = (options.contains(.exactThird) ? 2.0 : 1.0) * phi[1] / (r0 + r1)
        let g = r0 / (r0 + r1)
        row.addDifference(scale * (phi[0] * (1.0 + g) + second) / r0, i - 1, i - 2)
        row.addDifference(-scale * (phi[0] * g + second) / r1, i - 2, i - 3)
    }

    /// UniPC, data prediction, B(h) = h (bh1) or expm1(h) (bh2); exact derivatives also through the nodes (M4.5,
    /// M4.10a).
    func unipcRecursion<T: Real>(_ grid: TimeGrid<T>, _ modelTimes: [T]) -> LinearRecursion<T> {
        var recursion = LinearRecursion(prediction: .data, modelTimes: modelTimes)
        for i in 1...grid.steps {
            let step = UniPCStep(
                grid, step: i, order: stepOrder(i, of: grid.steps), isFirstVariant: options.contains(.bh1))
            let corrects = i < grid.steps ? !options.contains(.noCorrector) : options.contains(.correctLast)
            recursion.rows.append(.init(predictor: step.predictor, corrector: corrects ? step.corrector : nil))
        }
        return recursion
    }
}

/// One step of UniPC in the notation of M4.5.
private struct UniPCStep<T: Real> {
    let index: Int
    let order: Int
    /// alpha_i B(h)
    let scale: T
    /// r_1 ... r_{p-1}, negative.
    let nodes: [T]
    /// b_1 ... b_p
    let moments: [T]
    let base: LinearRecursion<T>.Combination

    init(_ grid: TimeGrid<T>, step i: Int, order: Int, isFirstVariant: Bool) {
        let h = grid.lambda[i] - grid.lambda[i - 1]
        let H = T.expm1(-h)
        let B = isFirstVariant ? -h : H
        index = i
        self.order = order
        scale = grid.alpha[i] * B
        nodes = (1..<max(order, 1)).map { (grid.lambda[i - 1 - $0] - grid.lambda[i - 1]) / h }
        moments = psi(-h, count: order).enumerated().map { factorial($0 + 1) * $1 / B }
        var base = LinearRecursion<T>.Combination()
        base.add(state: i - 1, grid.sigma[i] / grid.sigma[i - 1])
        base.add(output: i - 1, -grid.alpha[i] * H)
        self.base = base
    }

    /// Subtracts alpha_i B sum_k w_k (m_{i-1-k} - m_{i-1}) / r_k.
    private func subtracting(_ weights: [T]) -> LinearRecursion<T>.Combination {
        var row = base
        for (k, weight) in weights.enumerated() {
            row.addDifference(-scale * weight / nodes[k], index - 2 - k, index - 1)
        }
        return row
    }

    /// With p = 2 the weight is 0.5 by definition, not solved for.
    var predictor: LinearRecursion<T>.Combination {
        switch order {
        case 1: base
        case 2: subtracting([0.5])
        default: subtracting(vandermondeSolution(nodes: nodes, values: Array(moments.dropLast())))
        }
    }

    /// With p = 1 the weight is 0.5 by definition. The node of m_i is r_p = 1.
    var corrector: LinearRecursion<T>.Combination {
        let weights = order == 1 ? [0.5] : vandermondeSolution(nodes: nodes + [1.0], values: moments)
        var row = subtracting(Array(weights.dropLast()))
        row.addDifference(-scale * weights[order - 1], index, index - 1)
        return row
    }
}

extension LinearRecursion.Combination {
    /// Adds weight * (m_j - m_k).
    mutating func addDifference(_ weight: Coefficient, _ j: Int, _ k: Int) {
        add(output: j, weight)
        add(output: k, -weight)
    }
}
