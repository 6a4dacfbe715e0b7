import Tensors

/// The search for DMN's times (docs/methods/dmn.md, "Search").
package struct DMNSearch: Sendable {
    package var objective: DMNObjective
    /// The searches, from the start and from perturbations of it.
    package var restarts = 24
    package var seed: UInt64 = 0

    package init(_ objective: DMNObjective) { self.objective = objective }

    /// Returns rising half log-SNRs of least objective between fixed ends. The gaps are a softmax of the parameters.
    ///
    /// - Parameter start: N + 1 rising values.
    package func minimize(from start: [Double]) -> (lambdas: [Double], objective: Double) {
        guard let first = start.first, let last = start.last, start.count > 2 else { return (start, objective(start)) }
        func lambdas(_ logits: [Double]) -> [Double] {
            let highest = max(logits.max() ?? 0, 0)
            // The last gap's logit is 0, since a common shift changes nothing.
            let shares = (logits + [0]).map { Double.exp($0 - highest) }
            let total = shares.reduce(0, +)
            var sum = 0.0
            let inner = shares.dropLast().map { share -> Double in
                sum += share / total
                return first + (last - first) * sum
            }
            return [first] + inner + [last]
        }
        let gaps = zip(start, start.dropFirst()).map { Double.log($1 - $0) }
        let origin = gaps.dropLast().map { $0 - gaps[gaps.count - 1] }
        var generator = SplitMix(seed: seed)
        var best = (point: origin, value: objective(start))
        for restart in 0..<restarts {
            var point = restart % 2 == 0 ? origin : best.point
            if restart > 0 { for index in point.indices { point[index] += 0.7 * generator.normal() } }
            // The objective has kinks, on which a simplex collapses: search again from where it stopped.
            for size in [0.5, 0.2, 0.05, 0.01] {
                let found = NelderMead().minimize({ objective(lambdas($0)) }, from: point, size: size)
                point = found.point
                if found.value < best.value { best = found }
            }
        }
        return (lambdas(best.point), best.value)
    }
}

extension SplitMix {
    /// A standard normal number (Box and Muller).
    mutating func normal() -> Double {
        let radius = (-2 * Double.log(1 - uniform())).squareRoot()
        return radius * Double.cos(2 * .pi * uniform())
    }
}
