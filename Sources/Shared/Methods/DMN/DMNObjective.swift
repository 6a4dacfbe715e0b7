import Tensors

/// DMN's objective on half log-SNRs (Xue et al. 2024; docs/methods/dmn.md, "Objective"): a bound on the error of a
/// third-order multistep solver whose network errs by a known power of sigma. Steps have order 1 at both ends, 2 next
/// to them, 3 between.
package struct DMNObjective: Sendable, Equatable {
    /// The power P of w_i = sigma_i^P / alpha_i: 1 for pixel models, 2 for latent models.
    package var errorPower: Int
    /// The intervals from the noise end whose errors are taken as independent; the others' add up signed by node.
    package var independentIntervals: Int

    /// - Parameter independentIntervals: nil for LD3's rule, 3 up to seven steps and 0 beyond.
    package init(errorPower: Int, steps: Int, independentIntervals: Int? = nil) {
        self.errorPower = errorPower
        self.independentIntervals = independentIntervals ?? (steps <= 7 ? 3 : 0)
    }

    /// Returns the objective of N + 1 rising half log-SNRs.
    package func callAsFunction(_ lambdas: [Double]) -> Double {
        let steps = lambdas.count - 1
        let errors = lambdas.map(networkError)
        var objective = 0.0
        var signed = [Double](repeating: 0, count: steps)
        for interval in 0..<steps {
            let order = Self.order(interval, of: steps)
            let nodes = (interval - order + 1)...interval
            let weights = Self.integrals(lambdas, interval: interval, order: order)
            let terms = zip(nodes, weights).map { (node: $0, value: errors[$0] * $1) }
            if order == 1 {
                objective += abs(terms[0].value)
            } else if interval < independentIntervals {
                objective += terms.reduce(0) { $0 + $1.value * $1.value }.squareRoot()
            } else {
                for term in terms { signed[term.node] += term.value }
            }
        }
        return objective + signed.reduce(0) { $0 + abs($1) }
    }

    /// w = sigma^P / alpha, with VP's formulas also for EDM.
    private func networkError(_ lambda: Double) -> Double {
        let alpha = 1 / (1 + Double.exp(-2 * lambda)).squareRoot()
        let sigma = 1 / (1 + Double.exp(2 * lambda)).squareRoot()
        return Double.pow(sigma, Double(errorPower)) / alpha
    }

    private static func order(_ interval: Int, of steps: Int) -> Int {
        if interval == 0 || interval == steps - 1 { return 1 }
        return interval == 1 || interval == steps - 2 ? 2 : 3
    }

    /// Returns the integrals over the interval of e^lambda times the Lagrange basis on the `order` newest nodes, oldest
    /// first.
    private static func integrals(_ lambdas: [Double], interval: Int, order: Int) -> [Double] {
        let h = lambdas[interval + 1] - lambdas[interval]
        let start = Double.exp(lambdas[interval])
        // Moments of e^x over [0, h]: e^x, x e^x and x^2 e^x.
        let zeroth = Double.expm1(h)
        let first = h * Double.exp(h) - zeroth
        let second = h * h * Double.exp(h) - 2 * first
        switch order {
        case 1: return [start * zeroth]
        case 2:
            let a = lambdas[interval] - lambdas[interval - 1]
            return [-start * first / a, start * (first + a * zeroth) / a]
        default:
            let b = lambdas[interval] - lambdas[interval - 1]
            let a = lambdas[interval - 1] - lambdas[interval - 2]
            return [
                start * (second + b * first) / (a * (a + b)), -start * (second + (a + b) * first) / (a * b),
                start * (second + (2 * b + a) * first + b * (a + b) * zeroth) / (b * (a + b)),
            ]
        }
    }
}
