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

    /// GITS' schedule from a teacher and few noises; none where its grid does not fit or the network breaks down along it.
    private func gitsCandidate() throws -> [Candidate] {
        let teacherSteps = 30
        guard triesGITS, steps < teacherSteps, process.hasFiniteLogSNR else { return [] }
        let times = try whereFinite { try gitsTimes(GITS(), teacherSteps: teacherSteps, warmUp: 8) }
        return times.map { [Candidate(name: "gits", times: $0)] } ?? []
    }

    /// The candidates with their hard validation losses, best first.
    package func ratedCandidates() throws -> [RatedCandidate] { try race(heat: validation.count) }

    /// The same best candidate for less: all are rated on the first pairs, then, the most promising first, on the others
    /// for as long as they may still win. How many those were depends on the batch, so of a loser the first pairs' are told.
    package func racedCandidates() throws -> [RatedCandidate] { try race(heat: min(8, validation.count)) }

    /// The best first, the others in the order of what is known of them.
    private func race(heat: Int) throws -> [RatedCandidate] {
        let rated = try (candidates() + gitsCandidate()).map {
            Runner(
                candidate: $0,
                losses: try losses($0, at: 0..<heat) ?? [Double](repeating: .infinity, count: heat))
        }
        let sorted = rated.sorted { $0.sum < $1.sum }
        var best: Runner?
        var losers: [Runner] = []
        for runner in sorted {
            let least = best?.sum ?? .infinity
            var whole = runner
            // The margin covers the rounding of sums in another order.
            if runner.sum < least,
                let rest = try losses(
                    runner.candidate, at: heat..<validation.count, below: least * (1 + 1e-12) - runner.sum)
            {
                whole.losses += rest
            }
            if whole.losses.count == validation.count, whole.sum < least {
                if let best { losers.append(best) }
                best = whole
            } else {
                losers.append(runner)
            }
        }
        guard let best else {
            // Once more, for the error that names sample and step.
            if let first = sorted.first { _ = try hardLoss(program(first.candidate), on: validation) }
            throw Failure(.internal, "no discretization gives a finite validation loss")
        }
        return [best.rated] + losers.map(\.rated).sorted { $0.loss < $1.loss }
    }

    /// A candidate with its losses on as many of the validation pairs as it has met.
    private struct Runner {
        var candidate: Candidate
        var losses: [Double]
        var sum: Double { losses.reduce(0, +) }
        var rated: RatedCandidate { RatedCandidate(candidate: candidate, loss: mean(losses), pairs: losses.count) }
    }

    /// Hard losses of some of the validation pairs; nil where they exceed the bound or the network breaks down.
    private func losses(
        _ candidate: Candidate, at pairs: Range<Int>, below bound: Double = .infinity
    ) throws -> [Double]? {
        let found = try whereFinite {
            try student(family).losses(program(candidate), validation.hard, at: Array(pairs), abandoningAbove: bound)
        }
        return found ?? nil
    }

    private func program(_ candidate: Candidate) throws -> StepProgram<Double> {
        try solver.program(
            process: process, times: candidate.times, modelTimes: candidate.modelTimes ?? candidate.times)
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
    } catch let failure as Failure where failure.status == .internal {
        return nil
    }
}
