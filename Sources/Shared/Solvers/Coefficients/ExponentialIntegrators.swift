import Diffusion
import Tensors

// Shared by the exponential integrators in lambda: DPM-Solver++ and UniPC.

/// Returns psi_1(u) = expm1(u) / u - 1 and psi_{k+1} = psi_k / u - 1 / (k + 1)! for k = 1...count.
///
/// If u is near 0, this recursion would lose its digits. The series psi_k = sum_{m>=1} u^m / (m + k)! is summed instead.
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

/// Returns n! as a Double.
func factorial(_ n: Int) -> Double { n < 2 ? 1 : (2...n).reduce(1) { $0 * Double($1) } }

/// Returns the solution w of sum_k w_k nodes_k^j = values_j, j = 0..<n, by the algorithm of Björck and Pereyra.
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
    /// Returns the order of step i = 1...N of a multistep solver, which starts and ends low (docs/methods/solvers.md,
    /// "Order of a step").
    func multistepOrder(_ i: Int, of steps: Int) -> Int {
        if i < order { return i }
        return options.contains(.noLowerOrderFinal) ? order : min(order, steps + 1 - i)
    }
}

extension LinearRecursion.Combination {
    /// Adds weight * (m_j - m_k).
    mutating func addDifference(_ weight: Coefficient, _ j: Int, _ k: Int) {
        add(output: j, weight)
        add(output: k, -weight)
    }
}
