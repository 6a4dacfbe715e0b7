import Commands
import Diagnostics
import Diffusion
import Fitting
import Methods
import Options
import Schedules
import Solvers
import TensorStream

/// All that the command line asks of a fit, parsed, checked and opened before any input is read.
package struct FitRequest {
    package let arguments: Arguments
    /// The solver of all budgets.
    private var solver: Solver
    /// From small to large. They are those of EDM's process until the process is known.
    package private(set) var budgets: [Budget]
    package let method: any FitMethod
    package let loss: LossChoice
    /// Nil for all that make sense.
    package let heuristics: [Discretization]?
    /// The files of --start.
    package let starts: [(path: String, request: ScheduleRequest)]
    /// Nil if the model's usual batch is taken.
    package let batch: Int?
    package let savings: WorkSavings
    package let activations: Activations
    /// Nil if the schedule is not to be exported.
    package let export: ScheduleExport?

    package enum Activations: String, CaseIterable { case auto, keep, recompute }

    package init(_ arguments: Arguments) throws {
        self.arguments = arguments
        solver = try Solver(
            name: arguments.stringIfGiven("solver") ?? "ipndm", order: arguments.integerIfGiven("order"),
            variant: arguments.stringIfGiven("variant"))
        budgets = try Self.budgets(arguments, solver: solver, process: arguments.process() ?? .edm)
        export = try arguments.export()
        method = try FitMethods.chosen(by: arguments) { arguments.reporter.warn($0) }
        // The process is not known yet. Every method works on EDM's, so what it refuses there it refuses everywhere.
        for budget in budgets { try method.check(budget, on: .edm) }
        loss = try LossChoice(arguments)
        heuristics = try arguments.stringIfGiven("heuristics").map(Self.heuristics)
        starts = try arguments.strings("start").map { path in
            (path, try ScheduleRequest(file: path, process: arguments.process()))
        }
        batch = arguments.batch()
        savings = try arguments.stringIfGiven("without-savings").map(Self.savings) ?? .all
        activations = try arguments.choice("activations", Activations.self)
    }

    // MARK: - Values with a grammar of their own

    /// Returns this request with the budgets on the process of the model, and with another solver if one is given.
    package func budgeted(on process: NoiseProcess, solver: Solver? = nil) throws -> FitRequest {
        var request = self
        request.solver = solver ?? self.solver
        request.budgets = try Self.budgets(arguments, solver: request.solver, process: process)
        return request
    }

    /// Returns one budget for each of --nfe, or that of --steps.
    private static func budgets(_ arguments: Arguments, solver: Solver, process: NoiseProcess) throws -> [Budget] {
        if let steps = arguments.integerIfGiven("steps") {
            guard !arguments.isGiven("nfe") else {
                throw Failure.option("steps", "cannot be given together with \(spelled("nfe"))")
            }
            return [Budget(solver, steps: steps, process: process)]
        }
        // Two evaluations a step give neighbouring numbers the same budget.
        var budgets: [Budget] = []
        for evaluations in try evaluations(arguments.string("nfe")) {
            let budget = try Budget(solver, evaluations: evaluations, process: process)
            if budgets.last != budget { budgets.append(budget) }
        }
        return budgets
    }

    package static func evaluations(_ text: String) throws -> [Int] {
        var list: Set<Int> = []
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = word.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard ends.count <= 2, let first = ends[0], let last = ends[ends.count - 1], first >= 1, first <= last,
                last <= 1000
            else { throw Failure(.usage, "`\(text)` is not a list such as 5, 4-10 or 4,6,8") }
            list.formUnion(first...last)
        }
        return list.sorted()
    }

    package static func heuristics(_ text: String) throws -> [Discretization] {
        let words = text.split(separator: ",").map(String.init)
        guard !words.isEmpty else { throw Failure(.usage, "names no discretization") }
        return try words.map { word in
            guard let discretization = try Discretization(spelling: word) else {
                throw Failure(unknown: word, choices: Discretization.spellings)
            }
            return discretization
        }
    }

    /// Returns all savings but those that `text` names.
    package static func savings(_ text: String) throws -> WorkSavings {
        var savings = WorkSavings.all
        for word in text.split(separator: ",") {
            guard let named = WorkSavings.named.first(where: { $0.name == word.lowercased() }) else {
                throw Failure(unknown: String(word), choices: WorkSavings.named.map(\.name))
            }
            savings.remove(named.saving)
        }
        return savings
    }
}
