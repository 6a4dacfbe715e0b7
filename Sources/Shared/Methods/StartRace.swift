import Diagnostics
import Fitting
import Solvers
import Tensors

/// Rates the starts of a problem by their hard validation losses.
package struct StartRace<Element: TensorElement> {
    private let problem: FitProblem<Element>
    private let course: (Start) throws -> Course

    /// Rates the starts as the problem's solver runs along them.
    package init(_ problem: FitProblem<Element>) {
        self.problem = problem
        course = { try problem.course($0) }
    }

    /// Rates the starts as a fit of the family reads them.
    package init(_ problem: FitProblem<Element>, _ family: TimesFamily) {
        self.problem = problem
        let student = problem.student(family)
        course = { try student.course(family.parameters($0)) }
    }

    /// Returns all starts with their losses on all validation pairs, best first.
    package func ratings() throws -> [RatedStart] { try run(group: problem.validation.count) }

    /// Returns the starts, best first, for less work than `ratings`; the best one is nearly always the same
    /// (docs/methods/ld3.md, "Work left out").
    ///
    /// The race goes over the validation pairs in seed order, eight at a time. After each eight, the starts that are
    /// clearly behind drop out. If no start finishes, all are rated on all pairs.
    package func winners() throws -> [RatedStart] { try run(group: 8) }

    /// Returns the starts that finished, best first, then the dropped ones, the last dropped first.
    private func run(group: Int) throws -> [RatedStart] {
        let field = try problem.starts.starts(steps: problem.steps, process: problem.process) + gitsStart()
        let count = problem.validation.count
        let hard = problem.validation.hard
        var running = field.map { RatedStart(start: $0, losses: []) }
        var fallen: [RatedStart] = []
        for pairs in Array(0..<count).chunks(of: group) {
            running = try running.map { try rated($0, further: pairs, of: hard) }.sorted { $0.loss < $1.loss }
            guard pairs.last != count - 1, let leader = running.first else { break }
            let behind = running.filter { $0.isClearlyBehind(leader) }
            running.removeAll(where: behind.contains)
            fallen = behind + fallen
        }
        guard let best = running.first, best.loss.isFinite else {
            // A start that fell behind one that broke down later may finish.
            if group < count { return try run(group: count) }
            // This runs the first start again, so that its breakdown is thrown and names sample and step.
            if let first = field.first { _ = try problem.hardLoss(course(first), on: problem.validation) }
            throw Failure(.data, "no discretization gives a finite validation loss")
        }
        return running + fallen
    }

    /// Returns the start with the losses of some more pairs, infinite if the network breaks down.
    private func rated(
        _ runner: RatedStart, further pairs: [Int], of set: FittingSet<Element>
    ) throws -> RatedStart {
        let losses = try unlessBroken { try problem.pairSolver.losses(course(runner.start), set, at: pairs) ?? [] }
        let broken = [Double](repeating: .infinity, count: pairs.count)
        return RatedStart(start: runner.start, losses: runner.losses + (losses ?? broken))
    }

    /// Returns GITS' times from a teacher of 30 steps and eight noises; none if they do not fit or the network breaks
    /// down.
    private func gitsStart() throws -> [Start] {
        let gits = GITS(teacherSteps: 30, warmUp: 8)
        guard problem.starts.triesGITS, problem.steps > 1, problem.steps < gits.teacherSteps,
            problem.process.hasFiniteLogSNR
        else { return [] }
        return try unlessBroken { [Start(name: "gits", times: try gits.times(problem))] } ?? []
    }
}
