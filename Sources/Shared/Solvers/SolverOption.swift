extension Solver {
    /// A deviation from a family's usual form, by its word. Options of one family are declared in its file.
    package struct Option: Sendable, Hashable {
        package let word: String

        init(_ word: String) { self.word = word }

        /// The options of every family.
        package static let all = Family.all.reduce(into: [Option]()) { all, family in
            for option in family.orders.flatMap(family.options) where !all.contains(option) { all.append(option) }
        }
    }
}

extension Solver.Option {
    /// The full order is kept up to the last step.
    package static let noLowerOrderFinal = Self("no-lower-order-final")
    /// The first noise prediction is x / sqrt(alpha^2 + sigma^2), without an evaluation: the analytic first step of GITS.
    package static let analyticFirst = Self("afs")
    /// Each data prediction is cut at a quantile of its magnitudes (docs/methods/solvers.md, "Thresholding").
    package static let thresholding = Self("thresholding")
    /// The last step of a singlestep solver has order 1.
    package static let firstOrderLast = Self("first-order-last")
    /// The last step of a singlestep solver has order 2.
    package static let secondOrderLast = Self("second-order-last")
}
