import Diffusion
import Tensors

/// A family of solvers: its names, orders, options and costs, and its coefficients.
///
/// A new solver is one file in Families, which declares a type that conforms, and one line in `Solver.Family.all`.
/// docs/methods/solvers.md has the formulas.
protocol SolverFamily: Sendable {
    /// The name in commands and files.
    var name: String { get }
    /// Names in publications and their code, each with `#` for the digit of the order, and the options that it implies.
    var publishedNames: [(pattern: String, options: Set<Solver.Option>)] { get }
    var orders: ClosedRange<Int> { get }
    var defaultOrder: Int { get }
    /// Returns the options that a solver of this order may have. Names list options in this order.
    func options(order: Int) -> [Solver.Option]
    /// Pairs of options that exclude each other.
    var exclusions: [Set<Solver.Option>] { get }
    /// Returns the options with those added that hold if nothing else is said.
    func completed(_ options: Set<Solver.Option>) -> Set<Solver.Option>

    /// Whether it is a recursion with coefficients of ours.
    var hasCoefficients: Bool { get }
    /// Whether a step follows a weighted mean of this and earlier slopes.
    var isAdamsBashforth: Bool { get }
    /// Whether the reference implementation of LD3 evaluates the network once more, at the end, and drops the result.
    var wastesLastEvaluation: Bool { get }

    /// Returns whether the coefficients are finite if the process starts at alpha = 0.
    func startsWithoutSignal(_ solver: Solver) -> Bool
    /// Returns the network evaluations of `steps` steps from the start to the end of the process. Steps from infinite lambda,
    /// or to it, may take fewer.
    func evaluations(_ solver: Solver, steps: Int, _ process: NoiseProcess) -> Int
    /// Returns the solver and the number of steps that make the most evaluations of the budget. The number is 0 if the budget is
    /// too small.
    func purchase(_ solver: Solver, evaluations: Int, _ process: NoiseProcess) -> (solver: Solver, steps: Int)
    /// Returns the sampler of k-diffusion and ComfyUI that takes the same steps, or nil if there is none.
    func comfySampler(_ solver: Solver) -> String?

    /// Returns the coefficients for the times of `grid` and as many model times.
    func recursion<T: Real>(_ solver: Solver, _ grid: TimeGrid<T>, modelTimes: [T]) -> LinearRecursion<T>
}

/// Answers that suit most families: one evaluation for each step, no options, and coefficients in lambda.
extension SolverFamily {
    var publishedNames: [(pattern: String, options: Set<Solver.Option>)] { [] }
    var defaultOrder: Int { min(3, orders.upperBound) }
    var exclusions: [Set<Solver.Option>] { [] }
    var hasCoefficients: Bool { true }
    var isAdamsBashforth: Bool { false }
    var wastesLastEvaluation: Bool { false }

    func options(order: Int) -> [Solver.Option] { [] }
    func completed(_ options: Set<Solver.Option>) -> Set<Solver.Option> { options }
    func comfySampler(_ solver: Solver) -> String? { nil }
    func startsWithoutSignal(_ solver: Solver) -> Bool { true }

    func evaluations(_ solver: Solver, steps: Int, _ process: NoiseProcess) -> Int {
        steps - (solver.options.contains(.analyticFirst) ? 1 : 0)
    }

    func purchase(_ solver: Solver, evaluations: Int, _ process: NoiseProcess) -> (solver: Solver, steps: Int) {
        (solver, affordableSteps(solver, evaluations: evaluations, process))
    }

    /// Returns the largest number of steps that make no more evaluations than the budget, or 0 if one step makes more.
    func affordableSteps(_ solver: Solver, evaluations: Int, _ process: NoiseProcess) -> Int {
        (0...evaluations + 1).last { self.evaluations(solver, steps: $0, process) <= evaluations } ?? 0
    }
}

extension Solver {
    /// A family of solvers as a value. Families with the same name are equal.
    package struct Family: Sendable, Equatable {
        let rules: any SolverFamily

        init(_ rules: some SolverFamily) { self.rules = rules }

        /// The name in commands and files.
        package var name: String { rules.name }
        package var orders: ClosedRange<Int> { rules.orders }

        /// Returns the options that a solver of this order may have.
        package func options(order: Int) -> [Option] { rules.options(order: order) }

        package static func == (left: Family, right: Family) -> Bool { left.name == right.name }
    }
}
