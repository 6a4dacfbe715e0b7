import Diagnostics
import Diffusion
import Schedules
import Solvers
import Tensors

extension FitProblem {
    /// Trains by LD3 from the best candidate.
    package func ld3(_ settings: LD3Settings, observe: @escaping (LD3Event) -> Void = { _ in }) throws -> Fit {
        let before = denoiser.counter.count
        let rated = try racedCandidates()
        let family = family
        var settings = settings
        // A single step has no times to learn.
        if steps == 1 { (settings.timeRounds, settings.allRounds, settings.polish) = (0, 0, 0) }
        let log = FitLog(observe)
        let start = rated[0].candidate
        var trainer = try LD3Trainer(
            student: student(family), settings: settings,
            initial: family.parameters(times: start.times, modelTimes: start.modelTimes), train: train,
            validation: validation, initialLosses: rated[0].losses, observe: log.append)
        let trained = try trainer.run()
        let best = try polished(
            (trained.parameters, settings.validatesHard ? trained.loss : nil), settings, observe: observe)
        let lists = family.timeLists(best.parameters)
        var schedule = Schedule(
            solver: solver, process: process, times: lists.times, modelTimes: lists.modelTimes, method: "ld3")
        schedule.lossBefore = rated[0].loss
        let lossAfter = try best.loss ?? hardLoss(schedule.program(), on: validation)
        schedule.lossAfter = lossAfter
        return Fit(
            schedule: schedule, candidates: rated, lossBefore: rated[0].loss, lossAfter: lossAfter,
            history: log.history, work: denoiser.counter.count - before,
            officialWork: officialCost(
                settings: settings, solver: solver, steps: steps, train: train.count, validation: validation.count,
                recomputes: policy == .recompute))
    }

    /// Parameters with their mean hard validation loss where it is known.
    private typealias Judged = (parameters: [Double], loss: Double?)

    /// The parameters after Gauss-Newton steps on the training pairs' hard loss: the iterate of least hard validation
    /// loss (M5.13). Those trained, where the network breaks down about them.
    private func polished(
        _ trained: Judged, _ settings: LD3Settings, observe: @escaping (LD3Event) -> Void
    ) throws -> Judged {
        // A solver that does not begin at x_T has no multistep form.
        guard settings.polish > 0, let general = try? GeneralizedFamily(family) else { return trained }
        var newton = LevenbergMarquardtSettings()
        newton.iterations = settings.polish
        // One matrix for all of them, and steps that need not be taken back: evaluations are dear here.
        newton.curvatureInterval = settings.polish
        newton.damping = 0.1
        let optimizer = LevenbergMarquardt(
            student: student(general), settings: newton, learning: [.times, .modelTimes], train: [train],
            validation: validation, observe: observe)
        let offsets = [Double](repeating: 0, count: general.coefficientCount)
        let best = try whereFinite {
            try optimizer.run(from: trained.parameters + offsets, validationLoss: trained.loss)
        }
        guard let best else { return trained }
        return (Array(best.parameters.prefix(trained.parameters.count)), best.validationLoss)
    }
}

/// Passes events on and remembers them.
final class FitLog {
    private(set) var history = FitHistory()
    private let observe: (LD3Event) -> Void

    init(_ observe: @escaping (LD3Event) -> Void) { self.observe = observe }

    func append(_ event: LD3Event) {
        history.append(event)
        observe(event)
    }
}

/// Network forwards that the official trainer takes for a run, in evaluations of one sample (M5.11).
package func officialCost(
    settings: LD3Settings, solver: Solver, steps: Int, train: Int, validation: Int, recomputes: Bool
) -> EvaluationCount {
    let needed = solver.evaluations(steps: steps)
    let wastes = solver.family == .unipc || solver.family == .dpmSolverPlusPlus
    let perSolve = needed + (wastes ? 1 : 0)
    let batches = (train + settings.batch - 1) / settings.batch
    let solves = 2 * (train + validation) + (batches + 1) * validation
    let rounds = settings.timeRounds + settings.allRounds
    let backward = (train + validation) * needed
    return EvaluationCount(
        forwards: rounds * (solves * perSolve + (recomputes ? backward : 0)), pullbacks: rounds * backward)
}
