import Diagnostics
import Diffusion
import Solvers
import Tensors

extension FitProblem {
    /// The discretizations that make sense for this process and number of steps (M5.9), and the given starts.
    func candidates() -> [Candidate] {
        func falls(_ times: [Double]) -> Bool { zip(times, times.dropFirst()).allSatisfy { $0 > $1 } }
        var candidates = starts.filter { $0.times.count == steps + 1 && falls($0.times) }
        var seen = candidates.map(\.times)
        for discretization in heuristics {
            // Some need a finite log-SNR at both ends, which not every process has.
            guard let times = try? discretization.times(steps: steps, process: process), !seen.contains(times),
                falls(times)
            else { continue }
            seen.append(times)
            candidates.append(Candidate(name: discretization.spelling, times: times))
        }
        return candidates
    }

    /// GITS' schedule from a teacher and noises so few that they cost no more than a candidate's rating; none where its
    /// grid does not fit or the network breaks down along it.
    private func gitsCandidate() throws -> [Candidate] {
        let teacherSteps = 30
        guard triesGITS, steps < teacherSteps, process.hasFiniteLogSNR else { return [] }
        let times = try whereFinite { try gitsTimes(GITS(), teacherSteps: teacherSteps, warmUp: 8) }
        return times.map { [Candidate(name: "gits", times: $0)] } ?? []
    }

    /// The candidates with their hard validation losses, best first.
    package func ratedCandidates() throws -> [RatedCandidate] {
        let rated = try (candidates() + gitsCandidate()).map { candidate -> RatedCandidate in
            let program = try solver.program(
                process: process, times: candidate.times, modelTimes: candidate.modelTimes ?? candidate.times)
            return RatedCandidate(candidate: candidate, loss: try finiteLoss(program))
        }
        let sorted = rated.sorted { $0.loss < $1.loss }
        guard let best = sorted.first, best.loss.isFinite else {
            throw Failure(.internal, "no discretization gives a finite validation loss")
        }
        return sorted
    }

    /// Infinity where the network breaks down along a bad schedule.
    func finiteLoss(_ program: StepProgram<Double>) throws -> Double {
        let loss = try whereFinite { try hardLoss(program, on: validation) } ?? .infinity
        return loss.isNaN ? .infinity : loss
    }

    /// The best of the candidates, as it is.
    package func heuristic() throws -> Fit {
        let before = denoiser.counter.count
        let rated = try ratedCandidates()
        var schedule = Schedule(
            solver: solver, process: process, times: rated[0].candidate.times,
            modelTimes: rated[0].candidate.modelTimes,
            method: rated[0].candidate.name)
        schedule.lossBefore = rated[0].loss
        schedule.lossAfter = rated[0].loss
        return Fit(
            schedule: schedule, candidates: rated, lossBefore: rated[0].loss, lossAfter: rated[0].loss,
            work: denoiser.counter.count - before)
    }
}

/// What `body` returns; nil where the network returns NaN or infinity on the way.
func whereFinite<Result>(_ body: () throws -> Result) throws -> Result? {
    do {
        return try body()
    } catch let failure as Failure where failure.status == .internal {
        return nil
    }
}
