import Solvers

/// Every family, order and variant that the gradient and property tests run through.
package let everySolver: [Solver] = {
    var solvers: [Solver] = []
    for family in Solver.Family.allCases {
        for order in family.orders {
            let options: [Set<Solver.Option>] =
                switch family {
                case .unipc:
                    [[.bh1], [.bh2], [.bh2, .noLowerOrderFinal], [.bh2, .noCorrector], [.bh1, .correctLast]]
                case .dpmSolverPlusPlus: [[], [.noise], [.noLowerOrderFinal], [.exactThird]]
                case .dpmSolver: [[], [.firstOrderLast], [.secondOrderLast]]
                case .heun: [[]]
                default: [[], [.analyticFirst]]
                }
            solvers += options.compactMap { try? Solver(family, order: order, options: $0) }
        }
    }
    return solvers
}()
