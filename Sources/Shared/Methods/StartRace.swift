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

    /// Returns nearly always the same best start for less work (docs/methods/ld3.md, "Work left out"): the starts are
    /// rated in groups of eight pairs, the first ones so that they do not depend on a seed, after each of which those
    /// clearly behind fall out. They stay out if their leader then breaks down, unless all do.
    package func winners() throws -> [RatedStart] { try run(group: 8) }

    /// The best come first, then those that ran farther before those that fell out earlier. Groups do not depend on the
    /// batch.
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
            // The first start once more, for the breakdown that names sample and step.
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
