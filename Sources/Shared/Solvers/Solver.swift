import Diagnostics
import Diffusion
import Tensors

/// A solver of the diffusion ODE: a family with an order and options (docs/methods/solvers.md).
package struct Solver: Sendable, Equatable {
    package let family: Family
    package let order: Int
    package internal(set) var options: Set<Option>

    /// Makes a solver of the family's default order if `order` is nil. Throws a usage failure if the family has no such
    /// order or option, or if options exclude each other.
    package init(_ family: Family, order: Int? = nil, options: Set<Option> = []) throws {
        let rules = family.rules
        let order = order ?? rules.defaultOrder
        guard rules.orders.contains(order) else {
            let range = rules.orders
            let orders =
                range.count == 1 ? "order \(range.lowerBound)" : "orders \(range.lowerBound) to \(range.upperBound)"
            throw Failure(
                .usage, place: "order", "solver \(family.name) has no order \(order)",
                suggestion: "it has \(orders)")
        }
        let possible = rules.options(order: order)
        if let option = Option.all.first(where: { options.contains($0) && !possible.contains($0) }) {
            throw Failure(
                .usage, place: "variant",
                "solver \(family.name) of order \(order) has no variant `\(option.word)`")
        }
        guard !rules.exclusions.contains(where: { options.isSuperset(of: $0) }) else {
            throw Failure(
                .usage, place: "variant", "the variants of solver \(family.name) exclude each other")
        }
        self.family = family
        self.order = order
        self.options = rules.completed(options)
    }

    /// Whether each step follows a weighted mean of this and earlier slopes.
    package var isAdamsBashforth: Bool { family.rules.isAdamsBashforth }

    /// Whether the reference implementation of LD3 evaluates the network once more, at the end, and drops the result.
    package var wastesLastEvaluation: Bool { family.rules.wastesLastEvaluation }

    /// The sampler of k-diffusion and ComfyUI that takes the same steps, or nil if there is none.
    package var comfySampler: String? { family.rules.comfySampler(self) }

    /// The solver of the same family and of the highest order that has a `comfySampler`, or nil if there is none.
    package var comfyRelative: Solver? {
        family.rules.orders.reversed().lazy.compactMap { try? Solver(family, order: $0) }
            .first { $0.comfySampler != nil }
    }
}

// MARK: - Cost

extension Solver {
    /// Returns the network evaluations of `steps` steps from the start to the end of `process`.
    package func evaluations(steps: Int, process: NoiseProcess) -> Int {
        family.rules.evaluations(self, steps: steps, process)
    }

    /// Returns what a number of evaluations buys: the solver to run, whose last step may have a lower order than this
    /// one's, and its number of steps from the start to the end of `process`. These make as many of the evaluations as whole
    /// steps can. Throws a usage failure if the evaluations do not suffice for one step.
    package func plan(evaluations: Int, process: NoiseProcess) throws -> (solver: Solver, steps: Int) {
        let (solver, steps) = family.rules.purchase(self, evaluations: evaluations, process)
        guard steps >= 1 else {
            throw Failure(
                .usage, place: "evaluations",
                "\(counted(evaluations, "evaluation")) \(evaluations == 1 ? "is" : "are") too few for solver \(name)")
        }
        return (solver, steps)
    }
}
