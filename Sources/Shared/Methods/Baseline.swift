import Diffusion
import Fitting
import Schedules
import Solvers
import Tensors

// The published baselines share this: schedules from a rule, or from the model's own trajectories.

extension FitMethod {
    /// Returns the fit of a method that finds its schedule by `find`. The starts are rated on the validation pairs, if
    /// the method has not done so. The fit's work is the method's own, without that of the rating.
    func baseline<Element: TensorElement>(
        _ problem: FitProblem<Element>, starts: [RatedStart]? = nil, _ find: () throws -> Schedule
    ) throws -> Fit {
        let before = problem.work
        let schedule = try find()
        let work = problem.work - before
        let starts = try starts ?? StartRace(problem).ratings()
        let loss = try problem.validationLoss(schedule.program())
        return Fit(schedule, method: Self.name, starts: starts, lossAfter: loss, work: work)
    }

    /// Throws `usage` if lambda is infinite at an end of the process.
    func requireFiniteLogSNR(_ process: NoiseProcess) throws {
        guard process.hasFiniteLogSNR else {
            throw Self.unsuited("needs a finite log-SNR at both ends, which \(process.spelling) lacks")
        }
    }

    /// Returns the schedule of the problem's solver along `times`.
    func schedule<Element: TensorElement>(_ problem: FitProblem<Element>, times: [Double]) throws -> Schedule {
        let schedule = Schedule(solver: problem.solver, process: problem.process, times: times, method: Self.name)
        try schedule.validate()
        return schedule
    }
}

extension FitProblem {
    /// Returns D(x; t) of states of the training pairs at `indices`, [B, sample shape], as the solver asks for it.
    ///
    /// - Parameter times: one time for each state.
    func denoised(
        _ states: Tensor<Element>, at times: [Double], of indices: [Int], thresholds: Bool
    ) throws -> Tensor<Element> {
        let asked = denoiser.thresholded(if: thresholds)
        return Tensor.concatenate(
            try Array(indices.indices).chunks(of: resources.batch).map { chunk in
                try executor(asked, chunk.map { indices[$0] })
                    .denoise(states.gather(chunk), at: chunk.map { times[$0] })
            })
    }

    /// Returns x_T of the training pairs at `indices`, [B, sample shape].
    func startStates(_ indices: [Int]) -> Tensor<Element> {
        train.pairs.noise.gather(indices).scaled(by: process.priorScale)
    }

    func executor(_ indices: [Int]) -> Executor<Element> { executor(denoiser, indices) }

    private func executor(_ denoiser: any Denoiser<Element>, _ indices: [Int]) -> Executor<Element> {
        func executor(_ denoiser: some Denoiser<Element>) -> Executor<Element> {
            Executor(
                denoiser: denoiser, given: train.pairs.condition.rows(indices),
                seeds: indices.map { train.pairs.seeds[$0] })
        }
        return executor(denoiser)
    }
}
