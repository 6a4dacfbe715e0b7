import Diffusion
import Schedules
import Solvers
import Tensors

// What the published baselines (M8) share: schedules from a rule or from the model's own trajectories.

extension FitProblem {
    /// Times for the problem's solver, tied.
    func baselineSchedule(times: [Double]) throws -> Schedule {
        let schedule = Schedule(solver: solver, process: process, times: times, method: "")
        try schedule.validate()
        return schedule
    }

    /// The fit of a method that `find`s a schedule: rated against the heuristics on the validation pairs, where it was not
    /// by the method. `work` counts the method's own network evaluations, not those of the rating.
    func baseline(
        _ method: String, rated: [RatedCandidate]? = nil, _ find: () throws -> Schedule
    ) throws -> Fit {
        let before = denoiser.counter.count
        var schedule = try find()
        let work = denoiser.counter.count - before
        let rated = try rated ?? ratedCandidates()
        let after = try finiteLoss(schedule.program())
        schedule.method = method
        schedule.lossBefore = rated[0].loss
        schedule.lossAfter = after
        return Fit(schedule: schedule, candidates: rated, lossBefore: rated[0].loss, lossAfter: after, work: work)
    }

    /// D(x; t) of states of the pairs at `indices`, all at one time, in batches, as the solver asks for it.
    func denoised(_ states: Tensor<Element>, at time: Double, of indices: [Int]) throws -> Tensor<Element> {
        let asked = denoiser.thresholded(if: solver.options.contains(.thresholding))
        return Tensor.concatenate(
            try Array(0..<indices.count).chunks(of: batch).map { chunk in
                try asked.denoise(
                    states.gather(chunk), at: [Double](repeating: time, count: chunk.count),
                    given: train.pairs.condition.rows(chunk.map { indices[$0] }))
            })
    }

    /// x_T of the training pairs at `indices`.
    func startStates(_ indices: [Int]) -> Tensor<Element> {
        train.pairs.noise.gather(indices).scaled(by: process.priorScale)
    }
}
