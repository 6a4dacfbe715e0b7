import Diffusion
import Fitting
import FittingTestSupport
import Methods
import Solvers
import Tensors
import Testing

/// The starts of a fit, fewer and fewer of which are rated on more and more pairs.
@Suite struct RaceTests {
    /// A race has the winner of the full rating, and its loss, for fewer evaluations.
    @Test(arguments: [3, 6]) func aRaceHasTheSameWinner(steps: Int) throws {
        let toy = try Toy(pairs: 60)
        let counter = EvaluationCounter()
        let problem = toy.problem(try Solver(.ipndm), steps: steps, counter: counter)
        let rated = try StartRace(problem).ratings()
        let cost = counter.count
        let raced = try StartRace(problem, TimesSettings().family(problem.process, problem.budget)).winners()
        #expect((counter.count - cost).forwards < cost.forwards * 3 / 4)
        #expect(raced[0].start == rated[0].start && raced.count == rated.count)
        var other = problem
        other.resources.batch = 1
        #expect(try StartRace(other, TimesSettings().family(other.process, other.budget)).winners() == raced)
        try other.keepFirstOutputs()
        #expect(try StartRace(other, TimesSettings().family(other.process, other.budget)).winners() == raced)
        #expect(rated.allSatisfy { $0.pairs == 30 } && raced[0].pairs == 30 && raced.contains { $0.pairs == 8 })
        // A start as a fit reads it differs from the start by rounding.
        for runner in raced {
            let whole = try #require(rated.first { $0.start == runner.start })
            for (raced, rated) in zip(runner.losses, whole.losses) { #expect(abs(raced - rated) < 1e-11 * rated) }
        }
    }

    /// The starts that ran farther come first, each group by its losses. If all that ran to the end break down on the
    /// last pair, one that they had beaten before wins.
    @Test func whoBreaksDownLoses() throws {
        let toy = try Toy(pairs: 60)
        func raced(_ denoiser: any Denoiser<Double>) throws -> [RatedStart] {
            let problem = toy.problem(try Solver(.ipndm), steps: 6, denoiser: denoiser)
            return try StartRace(problem, TimesSettings().family(problem.process, problem.budget)).winners()
        }
        let rated = try raced(toy.denoiser)
        for (one, next) in zip(rated, rated.dropFirst()) {
            #expect(one.pairs > next.pairs || one.pairs == next.pairs && one.loss <= next.loss)
        }
        let (whole, beaten) = (rated.filter { $0.pairs == 30 }, rated.filter { $0.pairs < 30 })
        // The states in which these starts ask the network for the second time.
        let start = toy.validation.noise.gather([29]).scaled(by: 80)
        let output = try toy.denoiser.denoise(start, at: [80], given: .none)
        let states = whole.map { rated in
            let share = rated.start.times[1] / 80
            return weightedSum([(share, start), (1 - share, output)])
        }
        let others = try raced(
            PartlyBroken(denoiser: toy.denoiser) { state, _ in states.contains { distance(state, $0, row: 0) < 1e-6 } })
        #expect(beaten.map(\.start).contains(others[0].start))
        #expect(others[0].pairs == 30 && others[0].loss.isFinite)
        #expect(others.suffix(whole.count).allSatisfy { $0.loss == .infinity })
    }

    /// The arctangent grid among the usual starts has the data's deviation: latents are scaled to 1.
    @Test func usualStartsOfPixelsAndOfLatents() throws {
        let solver = try Solver(.unipc)
        func names(isLatent: Bool) -> [String] {
            StartChoice(.vpDiscrete(.stableDiffusion), solver, isLatent: isLatent).heuristics.map(\.spelling)
        }
        let grids = ["uniform", "quadratic", "polynomial:3.0", "edm", "edm-time", "logsnr"]
        let tables = ["dmn:sd", "gits:dpm-solver++", "ays:sd15"]
        #expect(names(isLatent: false) == grids + ["arctan:0.5"] + tables)
        #expect(names(isLatent: true) == grids + ["arctan:1.0"] + tables)
    }

    /// Given starts span the process, as everything that is fitted does.
    @Test func startsSpanTheProcess() {
        let given = Start(name: "given", times: [60, 1, 0], modelTimes: [70, 2, 0.1]).spanning(.edm)
        #expect(given.times == [80, 1, 0.002] && given.modelTimes == [80, 2, 0.002])
        let other = Start("given", interpolating: given.times, steps: 3, process: .edm)
        #expect(other.times.allSatisfy { $0 > 0 } && other.times.count == 4)
    }

    /// Pairs differ far more than starts do: the differences on the same pairs decide, if these agree.
    @Test func fallingBehindIsJudgedByPairs() {
        func rated(_ losses: [Double]) -> RatedStart {
            RatedStart(start: Start(name: "", times: []), losses: losses)
        }
        let leader = rated([1, 20, 300, 4])
        #expect(rated([1.1, 20.09, 300.11, 4.1]).isClearlyBehind(leader))
        #expect(!rated([2, 40, 200, 164]).isClearlyBehind(leader))
        #expect(!leader.isClearlyBehind(leader))
        // Differences of mean 1 whose standard error is 1 over 2.9 and over 3.1.
        for (errors, falls) in [(2.9, false), (3.1, true)] {
            let spread = 3.0.squareRoot() / errors
            let losses = zip(leader.losses, [-1.0, 1, -1, 1]).map { $0 + 1 + spread * $1 }
            #expect(rated(losses).isClearlyBehind(leader) == falls)
        }
        #expect(rated([1, 20, 300, .infinity]).isClearlyBehind(leader))
    }
}
