import Diagnostics
import Diffusion
import Tensors

/// A solver of the diffusion ODE by name, order and variant (M4). Made into a step program for given times.
package struct Solver: Sendable, Equatable {
    package enum Family: String, Sendable, CaseIterable {
        /// Euler on dx/dt (M4.1).
        case euler
        /// Euler in (x / alpha, sigma / alpha), DPM-Solver-1 (M4.2).
        case ddim
        /// Two evaluations a step (M4.3).
        case heun
        /// Multistep, data or noise prediction (M4.4).
        case dpmSolverPlusPlus = "dpm-solver++"
        /// Predictor and corrector (M4.5).
        case unipc
        /// Adams-Bashforth with constant weights (M4.6).
        case ipndm
        /// Singlestep, noise prediction (M4.7).
        case dpmSolver = "dpm-solver"
        /// Adams-Bashforth in s with exact weights for uneven steps (M4.8).
        case ipndmVariable = "ipndm-v"
        /// Adams-Bashforth with polynomials in the VP time (M4.8).
        case deisTime = "deis-tab"
        /// Polynomials of degree `order` in s, so that order K equals ipndm-v of order K + 1 (M4.8).
        case deisRho = "deis-rho"

        package var orders: ClosedRange<Int> {
            switch self {
            case .euler, .ddim: 1...1
            case .heun: 2...2
            case .dpmSolverPlusPlus, .unipc, .deisRho: 1...3
            case .ipndm, .ipndmVariable, .deisTime: 1...4
            case .dpmSolver: 1...3
            }
        }

        package var defaultOrder: Int { self == .dpmSolver ? 2 : min(3, orders.upperBound) }
    }

    /// Deviations from a family's usual form; each has a word in `--variant` (M4.11).
    package enum Option: String, Sendable, CaseIterable {
        /// UniPC's B(h) = h.
        case bh1
        /// UniPC's B(h) = e^h - 1.
        case bh2
        /// UniPC without its corrector: UniP.
        case noCorrector = "no-corrector"
        /// UniPC that also corrects the last step, for one evaluation more.
        case correctLast = "correct-last"
        /// DPM-Solver++'s recursion for the noise prediction.
        case noise
        /// DPM-Solver++ order 3 with the whole quadratic term (DEF-28).
        case exactThird = "exact-third"
        /// Full order up to the last step.
        case noLowerOrderFinal = "no-lower-order-final"
        /// The first evaluation replaced by x / sqrt(1 + s^2), the analytic first step.
        case analyticFirst = "afs"
        /// Dynamic thresholding of the data prediction.
        case thresholding
        /// Singlestep whose last step has order 1, for a budget that leaves one evaluation.
        case firstOrderLast = "first-order-last"
        /// Singlestep of order 3 whose last step has order 2.
        case secondOrderLast = "second-order-last"

        func fits(_ family: Family, order: Int) -> Bool {
            switch self {
            case .thresholding: family == .dpmSolverPlusPlus || family == .unipc
            case .bh1, .bh2, .noCorrector, .correctLast: family == .unipc
            case .noise: family == .dpmSolverPlusPlus
            case .exactThird: family == .dpmSolverPlusPlus && order == 3
            case .noLowerOrderFinal: family == .dpmSolverPlusPlus || family == .unipc
            case .analyticFirst: [.euler, .ddim, .ipndm, .ipndmVariable, .deisTime, .deisRho].contains(family)
            case .firstOrderLast: family == .dpmSolver && order > 1
            case .secondOrderLast: family == .dpmSolver && order == 3
            }
        }
    }

    package let family: Family
    package let order: Int
    package private(set) var options: Set<Option>

    /// Throws a usage failure where the family has no such order or option.
    ///
    /// - Parameter prefix: of `order` and `variant` in messages: "--" where options say them, "ld3." where a stream does.
    package init(_ family: Family, order: Int? = nil, options: Set<Option> = [], prefix: String = "--") throws {
        let order = order ?? family.defaultOrder
        guard family.orders.contains(order) else {
            let range = family.orders
            let orders =
                range.count == 1 ? "order \(range.lowerBound)" : "orders \(range.lowerBound) to \(range.upperBound)"
            throw Failure(
                .usage, place: "\(prefix)order", "solver \(family.rawValue) has no order \(order)",
                suggestion: "it has \(orders)")
        }
        for option in Option.allCases where options.contains(option) && !option.fits(family, order: order) {
            throw Failure(
                .usage, place: "\(prefix)variant",
                "solver \(family.rawValue) of order \(order) has no variant `\(option.rawValue)`")
        }
        let pairs: [Set<Option>] = [
            [.bh1, .bh2], [.noCorrector, .correctLast], [.firstOrderLast, .secondOrderLast], [.noise, .thresholding],
        ]
        guard !pairs.contains(where: { options.isSuperset(of: $0) }) else {
            throw Failure(
                .usage, place: "\(prefix)variant", "the variants of solver \(family.rawValue) exclude each other")
        }
        self.family = family
        self.order = order
        self.options = options
        if family == .unipc, !options.contains(.bh2) { self.options.insert(.bh1) }
    }
}

// MARK: - Cost

extension Solver {
    /// Network evaluations of a run of `steps` steps that ends at a noise level above zero (M4.9).
    package func evaluations(steps: Int) -> Int {
        switch family {
        case .heun: 2 * steps
        case .dpmSolver:
            order * steps
                - (options.contains(.firstOrderLast) ? order - 1 : options.contains(.secondOrderLast) ? 1 : 0)
        default: steps + (options.contains(.correctLast) ? 1 : 0) - (options.contains(.analyticFirst) ? 1 : 0)
        }
    }

    /// What a budget of evaluations buys: the solver to run (its last step of order 1 where the budget asks for it)
    /// and its number of steps. Heun takes floor(n / 2) steps; DPM-Solver of order K ceil(n / K), the last of lower order
    /// where n is no multiple of K.
    package func plan(evaluations: Int) throws -> (solver: Solver, steps: Int) {
        var solver = self
        let steps: Int
        switch family {
        case .heun: steps = evaluations / 2
        case .dpmSolver where order > 1:
            steps = (evaluations + order - 1) / order
            let rest = evaluations % order
            solver.options.subtract([.firstOrderLast, .secondOrderLast])
            if rest > 0 { solver.options.insert(rest == 1 ? .firstOrderLast : .secondOrderLast) }
        default: steps = evaluations - self.evaluations(steps: 0)
        }
        guard steps >= 1 else {
            throw Failure(.usage, place: "--nfe", "\(evaluations) evaluations are too few for solver \(name)")
        }
        return (solver, steps)
    }
}
