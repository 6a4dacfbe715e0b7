import Diagnostics
import Diffusion
import Schedules
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

    /// GITS' schedule from a teacher and few noises; none where its grid does not fit or the network breaks down along it.
    private func gitsCandidate() throws -> [Candidate] {
        let teacherSteps = 30
        guard triesGITS, steps > 1, steps < teacherSteps, process.hasFiniteLogSNR else { return [] }
        let times = try whereFinite { try gitsTimes(GITS(), teacherSteps: teacherSteps, warmUp: 8) }
        return times.map { [Candidate(name: "gits", times: $0)] } ?? []
    }

    /// The candidates with their hard validation losses, best first.
    package func ratedCandidates() throws -> [RatedCandidate] {
        try race(heat: validation.count) {
            try solver.program(process: process, times: $0.times, modelTimes: $0.modelTimes ?? $0.times)
        }
    }

    /// Nearly always the same best candidate for less, as a fit reads it: rated in heats of a few pairs, the first ones so
    /// that they do not depend on a seed, after each of which those clearly behind fall out (M5.12 S1, S2). They stay out if
    /// their leader then breaks down, unless all do.
    package func racedCandidates() throws -> [RatedCandidate] {
        let family = family
        return try race(heat: 8) { try family.program(family.parameters(times: $0.times, modelTimes: $0.modelTimes)) }
    }

    /// The best first, then those that ran farther before those that fell out earlier. Heats do not depend on the batch.
    private func race(heat: Int, _ program: (Candidate) throws -> StepProgram<Double>) throws -> [RatedCandidate] {
        let field = try candidates() + gitsCandidate()
        let hard = validation.hard
        var running = field.map { RatedCandidate(candidate: $0, losses: []) }
        var fallen: [RatedCandidate] = []
        for pairs in Array(0..<validation.count).chunks(of: heat) {
            running = try running.map { try rated($0, further: pairs, of: hard, program) }.sorted { $0.loss < $1.loss }
            guard pairs.last != validation.count - 1, let leader = running.first else { break }
            let behind = running.filter { $0.isClearlyBehind(leader) }
            running.removeAll(where: behind.contains)
            fallen = behind + fallen
        }
        guard let best = running.first, best.loss.isFinite else {
            // What fell behind one that then broke down may finish.
            if heat < validation.count { return try race(heat: validation.count, program) }
            // Once more, for the error that names sample and step.
            if let first = field.first { _ = try hardLoss(program(first), on: validation) }
            throw Failure(.internal, "no discretization gives a finite validation loss")
        }
        return running + fallen
    }

    /// With the losses of some more pairs, infinite where the network breaks down.
    private func rated(
        _ runner: RatedCandidate, further pairs: [Int], of set: FittingSet<Element>,
        _ program: (Candidate) throws -> StepProgram<Double>
    ) throws -> RatedCandidate {
        let losses = try whereFinite {
            try student(family).losses(program(runner.candidate), set, at: pairs) ?? []
        }
        let broken = [Double](repeating: .infinity, count: pairs.count)
        return RatedCandidate(candidate: runner.candidate, losses: runner.losses + (losses ?? broken))
    }

    /// Infinity where the network breaks down along a bad schedule.
    func finiteLoss(_ program: StepProgram<Double>) throws -> Double {
        try whereFinite { try hardLoss(program, on: validation) } ?? .infinity
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
    } catch is NetworkBreakdown {
        return nil
    } catch let failure as Failure where failure.status == .internal {
        return nil
    }
}
