import Diagnostics
import Diffusion
import Solvers
import Tensors

extension FitProblem {
    /// Fits the parts `learning` by Levenberg-Marquardt: the times from several candidates first, then, from the best
    /// of these, everything (M13).
    ///
    /// - Parameter starts: candidates that the times are fitted from.
    package func generalized(
        _ settings: LevenbergMarquardtSettings, learning: LearnedParts, starts count: Int = 3,
        observe: @escaping (LD3Event) -> Void = { _ in }
    ) throws -> Fit {
        let before = denoiser.counter.count
        let rated = try ratedCandidates()
        let family = try GeneralizedFamily(family)
        let student = student(family)
        let log = FitLog(observe)
        var sets = (train: train, validation: validation)
        let program = try family.program(family.parameters(rated[0].candidate))
        sets.train.firstOutputs = try train.firstOutputs ?? student.firstOutputs(train, program: program)
        sets.validation.firstOutputs =
            try validation.firstOutputs ?? student.firstOutputs(validation, program: program)
        func optimizer(_ parts: LearnedParts) -> LevenbergMarquardt<Element> {
            LevenbergMarquardt(
                student: student, settings: settings, learning: parts, train: sets.train,
                validation: sets.validation, observe: log.append)
        }
        let timeParts = learning.subtracting(.coefficients)
        var best = try optimizer(learning).state(family.parameters(rated[0].candidate))
        if !timeParts.isEmpty {
            for candidate in rated.prefix(count).filter(\.loss.isFinite).map(\.candidate) {
                let state = try optimizer(timeParts).run(from: family.parameters(candidate))
                if state.validationLoss < best.validationLoss { best = state }
            }
        }
        if learning.contains(.coefficients) { best = try optimizer(learning).run(from: best.parameters) }
        return Fit(
            schedule: try schedule(family, best, learning, lossBefore: rated[0].loss), candidates: rated,
            lossBefore: rated[0].loss, lossAfter: best.validationLoss, history: log.history,
            work: denoiser.counter.count - before)
    }

    private func schedule(
        _ family: GeneralizedFamily, _ state: LevenbergMarquardt<Element>.State, _ learning: LearnedParts,
        lossBefore: Double
    ) throws -> Schedule {
        let lists = family.times.timeLists(Array(state.parameters.prefix(family.times.parameterCount)))
        var schedule = Schedule(
            solver: solver, process: process, times: lists.times, modelTimes: lists.modelTimes, method: "generalized")
        if learning.contains(.coefficients) {
            let form = try family.form(state.parameters)
            schedule.coefficients = CoefficientMatrices(form)
            // A solver of several evaluations a step has as many rows: the network's times say where they are.
            if form.evaluations != steps {
                schedule.modelTimes = form.evaluationTimes + [process.end]
                schedule.times = schedule.modelTimes
            }
        }
        schedule.lossBefore = lossBefore
        schedule.lossAfter = state.validationLoss
        return schedule
    }
}

extension GeneralizedFamily {
    /// The parameters of a candidate with the solver's own coefficients.
    func parameters(_ candidate: Candidate) -> [Double] {
        times.parameters(times: candidate.times, modelTimes: candidate.modelTimes)
            + [Double](repeating: 0, count: coefficientCount)
    }
}

extension CoefficientMatrices {
    /// The form in the notation of M4.0: data prediction, and x_0 the only state.
    init(_ form: MultistepForm<Double>) {
        let count = form.evaluations
        func padded(_ row: [Double]) -> [Double] { row + [Double](repeating: 0, count: count - row.count) }
        self.init(
            prediction: .data, predictorState: form.startWeights.map { padded([$0]) },
            predictorOutput: form.outputWeights.map(padded))
    }
}
