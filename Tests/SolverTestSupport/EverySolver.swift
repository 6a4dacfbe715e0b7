import Solvers

/// Every family in every order: in its usual form, with each option and with each pair of options. Thresholding is left
/// out, since it changes what the denoiser returns and no coefficient.
package let everySolver: [Solver] = Solver.Family.all.flatMap { family in
    family.orders.flatMap { order in
        let options = family.options(order: order).filter { $0 != .thresholding }
        let sets = [[]] + options.map { [$0] } + options.flatMap { first in options.map { [first, $0] } }
        return sets.compactMap { try? Solver(family, order: order, options: Set($0)) }
            .reduce(into: [Solver]()) { solvers, solver in if !solvers.contains(solver) { solvers.append(solver) } }
    }
}
