import Diffusion
import Fitting
import Options
import Schedules
import Tensors

/// The start of least validation loss, as it is.
package struct HeuristicFit: FitMethod {
    package static let name = "heuristic"
    package static let options: [OptionGroup] = []
    package static let fitsSamplers = true

    package init() {}
    package init(_ values: any OptionValues) {}

    package var solvedPairs: SolvedPairs { .validation }

    package func fit<Element: TensorElement>(
        _ problem: FitProblem<Element>, observe: @escaping (FitEvent) -> Void
    ) throws -> Fit {
        let before = problem.work
        let starts = try StartRace(problem).ratings()
        let best = starts[0].start
        let schedule = Schedule(
            solver: problem.solver, process: problem.process, times: best.times, modelTimes: best.modelTimes,
            method: best.name)
        return Fit(schedule, starts: starts, lossAfter: starts[0].loss, work: problem.work - before)
    }
}
