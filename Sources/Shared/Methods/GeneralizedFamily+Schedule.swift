import Fitting
import Schedules
import Solvers

extension GeneralizedFamily {
    /// Returns the schedule that the parameters stand for, with coefficients of its own if they were learned.
    ///
    /// - Parameter solver: the solver that the schedule names; this family's may be another one that was started from.
    func schedule(
        _ parameters: [Double], learned: LearnedParts, solver: Solver, method: String
    ) throws -> Schedule {
        let process = times.parameterization.process
        let lists = times.timeLists(Array(parameters.prefix(times.parameterCount)))
        var schedule = Schedule(
            solver: solver, process: process, times: lists.times, modelTimes: lists.modelTimes, method: method)
        guard learned.contains(.coefficients) else { return schedule }
        let form = try form(parameters)
        schedule.coefficients = CoefficientMatrices(form)
        // A solver of several evaluations a step has as many rows: the model times say where they are, and these need
        // not fall.
        if form.evaluations != times.parameterization.steps {
            schedule.modelTimes = form.evaluationTimes + [process.end]
            schedule.times = schedule.modelTimes.sorted(by: >)
        }
        return schedule
    }
}

extension CoefficientMatrices {
    /// The form as a schedule carries it: data prediction, and x_0 the only state.
    init(_ form: MultistepForm<Double>) {
        let count = form.evaluations
        func padded(_ row: [Double]) -> [Double] { row + [Double](repeating: 0, count: count - row.count) }
        self.init(
            prediction: .data, predictorState: form.startWeights.map { padded([$0]) },
            predictorOutput: form.outputWeights.map(padded))
    }
}
