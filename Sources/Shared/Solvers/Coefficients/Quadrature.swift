import Tensors

/// Returns the integrals over [a, b] of the Lagrange basis polynomials on `nodes`, exact for up to six nodes.
func lagrangeIntegrals<T: Real>(nodes: [T], from a: T, to b: T) -> [T] {
    let (middle, half) = (0.5 * (a + b), 0.5 * (b - a))
    return integrals(nodes: nodes, rule: GaussLegendre.three) { node in (middle + half * node, half) }
}

/// Returns the integrals over [a, b] of the Lagrange basis polynomials on `nodes` times a density.
///
/// The quadrature runs over the root of the variable, since densities such as ds/dt of VP processes behave like the
/// inverse root near 0.
func lagrangeIntegrals<T: Real>(nodes: [T], from a: T, to b: T, density: (T) -> T) -> [T] {
    let (first, last) = (T.sqrt(a), T.sqrt(b))
    let (middle, half) = (0.5 * (first + last), 0.5 * (last - first))
    return integrals(nodes: nodes, rule: GaussLegendre.thirtyTwo) { node in
        let root = middle + half * node
        let point = root * root
        return (point, 2.0 * root * half * density(point))
    }
}

/// Returns the integrals over [a, b], 0 < a < b, of the Lagrange basis polynomials in x on `nodes` times 1 / x^2. The
/// quadrature runs over log x.
func inverseSquareIntegrals<T: Real>(nodes: [T], from a: T, to b: T) -> [T] {
    let (first, last) = (T.log(a), T.log(b))
    let (middle, half) = (0.5 * (first + last), 0.5 * (last - first))
    return integrals(nodes: nodes, rule: GaussLegendre.thirtyTwo) { node in
        let point = T.exp(middle + half * node)
        return (point, half / point)
    }
}

/// Returns the sum over the rule of weight * measure * basis(point) for each basis polynomial.
private func integrals<T: Real>(
    nodes: [T], rule: GaussLegendre, place: (Double) -> (point: T, measure: T)
) -> [T] {
    var sums = [T](repeating: 0.0, count: nodes.count)
    for (node, weight) in zip(rule.nodes, rule.weights) {
        let (point, measure) = place(node)
        for j in nodes.indices {
            var basis = weight * measure
            for k in nodes.indices where k != j { basis = basis * ((point - nodes[k]) / (nodes[j] - nodes[k])) }
            sums[j] += basis
        }
    }
    return sums
}

/// Gauss-Legendre quadrature with n nodes on [-1, 1], exact for polynomials of degree 2 n - 1.
struct GaussLegendre: Sendable {
    let nodes: [Double]
    let weights: [Double]

    static let three = GaussLegendre(count: 3)
    static let thirtyTwo = GaussLegendre(count: 32)

    /// Finds the nodes by Newton's method on the Legendre polynomial from Chebyshev-like guesses.
    init(count: Int) {
        var (nodes, weights): ([Double], [Double]) = ([], [])
        for index in 0..<count {
            var x = Double.cos(.pi * (Double(index) + 0.75) / (Double(count) + 0.5))
            var slope = 1.0
            for _ in 0..<100 {
                var (previous, value) = (1.0, x)
                for degree in stride(from: 2.0, through: Double(count), by: 1) {
                    (previous, value) = (value, ((2 * degree - 1) * x * value - (degree - 1) * previous) / degree)
                }
                slope = Double(count) * (x * value - previous) / (x * x - 1)
                let step = value / slope
                x -= step
                if abs(step) < 1e-15 { break }
            }
            nodes.append(x)
            weights.append(2 / ((1 - x * x) * slope * slope))
        }
        self.nodes = nodes
        self.weights = weights
    }
}
