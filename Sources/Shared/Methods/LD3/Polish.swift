import Fitting
import Solvers
import Tensors

/// Gauss-Newton steps on the hard loss of the training pairs, after LD3's passes; the hard validation loss decides
/// (docs/methods/gauss-newton.md, "Polish").
struct Polish<Element: TensorElement> {
    /// At most so many.
    var steps: Int
    let problem: FitProblem<Element>
    let observe: (TrainingStep) -> Void

    /// Returns the iterate of least hard validation loss with that loss. The result is what was `trained`, if the
    /// network breaks down about it or if there are no steps.
    ///
    /// - Parameter loss: the hard validation loss of `trained`, if it is known.
    func run(
        _ family: TimesFamily, from trained: [Double], loss: Double?
    ) throws -> (parameters: [Double], loss: Double?) {
        guard steps > 0 else { return (trained, loss) }
        guard problem.sampler == nil else { return try run(as: family, from: trained, loss: loss) }
        // A solver that does not evaluate x_T has no multistep form.
        guard let multistep = try MultistepTimes(family) else { return (trained, loss) }
        return try run(as: multistep, from: trained, loss: loss)
    }

    private func run<Family: ProgramFamily>(
        as family: Family, from trained: [Double], loss: Double?
    ) throws -> (parameters: [Double], loss: Double?) {
        var settings = LevenbergMarquardtSettings()
        settings.steps = steps
        // One matrix for all of them, and steps that need not be taken back: evaluations are dear here.
        settings.curvatureInterval = steps
        settings.damping = 0.1
        let optimizer = LevenbergMarquardt(
            student: problem.student(family), settings: settings, learning: [.times, .modelTimes],
            train: [problem.train], validation: problem.validation, observe: observe)
        let best = try unlessBroken { try optimizer.run(from: trained, validationLoss: loss) }
        return best.map { ($0.parameters, $0.validationLoss) } ?? (trained, loss)
    }
}
