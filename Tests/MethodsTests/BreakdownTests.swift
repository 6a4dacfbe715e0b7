import Diagnostics
import Diffusion
import Fitting
import FittingTestSupport
import Methods
import Schedules
import Solvers
import Tensors
import Testing

/// A network that returns NaN along some parameters costs a fit these, but not the parameters that it has found.
@Suite struct BreakdownTests {
    private let toy: Toy
    private var settings = LD3Settings(dimension: 4, evaluations: 4)

    init() throws {
        toy = try Toy(pairs: 60)
        settings.ball = NoiseBall(radius: 0.05)
        settings.timePasses = 1
        settings.allPasses = 0
        settings.validationInterval = 1
        settings.polishSteps = 0
    }

    /// Four steps, from EDM's times alone.
    private func problem(_ denoiser: any Denoiser<Double>) throws -> FitProblem<Double> {
        var problem = toy.problem(try Solver(.ipndm), steps: 4, denoiser: denoiser)
        problem.starts = StartChoice(heuristics: [.edm])
        return problem
    }

    /// The polish moves times to where the network has not been, and is NaN.
    @Test func aPolishThatBreaksDownLeavesTheTrainedTimes() throws {
        let met = Recording(toy.denoiser)
        let trained = try LD3(settings).fit(problem(met)).schedule
        var polishing = settings
        polishing.polishSteps = 4
        #expect(try LD3(polishing).fit(problem(toy.denoiser)).schedule != trained)
        let fragile = Fragile(denoiser: toy.denoiser, safe: met.times)
        #expect(try LD3(polishing).fit(problem(fragile)).schedule == trained)
    }

    /// The first validation pair breaks down along all times but the start's, so that no challenger wins.
    @Test func aChallengerThatBreaksDownLoses() throws {
        let times = try Discretization.edm.times(steps: 4, process: toy.process)
        let start = toy.validation.noise.samples(0..<1).scaled(by: 80)
        let output = try toy.denoiser.denoise(start, at: [80], given: .none)
        let broken = PartlyBroken(denoiser: toy.denoiser) { state, time in
            let share = time / 80
            return !times.contains { abs($0 - time) < 1e-9 * time }
                && distance(state, weightedSum([(share, start), (1 - share, output)]), row: 0) < 1e-6
        }
        let whole = try LD3(settings).fit(problem(toy.denoiser))
        #expect(whole.lossAfter < whole.lossBefore && !whole.history.validation.isEmpty)
        let fit = try LD3(settings).fit(problem(broken))
        #expect(fit.lossAfter == fit.lossBefore && fit.history.validation.isEmpty)
        #expect(fit.history.training.count == 15)
    }

    /// If only the start's own times are safe, every step away from them is taken back, and the fit ends there. If only
    /// gradients break down it may end at better times.
    @Test(arguments: [false, true]) func aTrainingStepTooFarIsTakenBack(onlyGradients: Bool) throws {
        var settings = settings
        settings.timePasses = 2
        settings.allPasses = 1
        settings.patience = 1000
        let times = try Discretization.edm.times(steps: 4, process: toy.process)
        let denoiser = Fragile(denoiser: toy.denoiser, safe: times, onlyGradients: onlyGradients)
        for interval in [1, nil] {
            settings.validationInterval = interval
            let fit = try LD3(settings).fit(problem(denoiser))
            #expect(fit.lossAfter <= fit.lossBefore && fit.history.training.count > 1)
            if onlyGradients { continue }
            #expect(fit.lossAfter == fit.lossBefore && fit.history.training.count == 3 * 15)
            #expect(zip(fit.schedule.times, times).allSatisfy { abs($0 - $1) < 1e-9 * $1 })
        }
    }

    /// If only the noises' own places are safe, all moves are taken back, and training goes on.
    @Test(arguments: [false, true]) func aMoveTooFarIsTakenBack(tests: Bool) throws {
        var settings = settings
        (settings.timePasses, settings.allPasses) = (3, 0)
        settings.testsMoves = tests
        let starts = [toy.train, toy.validation].flatMap { pairs in
            (0..<pairs.count).map { pairs.noise.samples($0..<$0 + 1).scaled(by: 80) }
        }
        func fit(_ denoiser: any Denoiser<Double>, batch: Int = 16) throws -> Fit {
            var problem = try problem(denoiser)
            problem.resources.batch = batch
            return try LD3(settings).fit(problem)
        }
        let still = PartlyBroken(denoiser: toy.denoiser) { state, time in
            time == 80 && !starts.contains { distance(state, $0, row: 0) < 1e-9 }
        }
        let held = try fit(still)
        #expect(held.history.training.count == 3 * 15 && held.lossAfter < held.lossBefore)
        #expect(try held.schedule != fit(toy.denoiser).schedule)
        settings.movesValidationNoises = true
        #expect(try fit(still).schedule == fit(still, batch: 1).schedule)
        settings.ball = NoiseBall(radius: 0)
        settings.movesValidationNoises = false
        // With every move put back, training is on the hard loss.
        #expect(try held.schedule == fit(toy.denoiser).schedule)
    }

    /// A pair that breaks down at every place ends a fit that has found nothing yet, and names itself.
    @Test func aBrokenPairIsNamed() throws {
        var settings = settings
        settings.learningRate = 0
        #expect {
            try LD3(settings).fit(problem(broken(toy.train, 7)))
        } throws: { error in
            let breakdown = error as? NetworkBreakdown
            return breakdown?.place.seed == toy.train.seeds[7] && breakdown?.place.step == 0
        }
    }

    @Test func aBrokenFirstOutputNamesItsSeed() throws {
        var problem = try problem(broken(toy.train, 4))
        problem.resources.batch = 4
        #expect {
            try problem.keepFirstOutputs()
        } throws: { error in
            let breakdown = error as? NetworkBreakdown
            return breakdown?.place.seed == toy.train.seeds[4] && breakdown?.place.step == 0 && breakdown?.time == 80
        }
    }

    /// A denoiser that is NaN at x_T of one pair.
    private func broken(_ pairs: Pairs<Double>, _ index: Int) -> PartlyBroken {
        let start = pairs.noise.samples(index..<index + 1).scaled(by: 80)
        return PartlyBroken(denoiser: toy.denoiser) { state, _ in distance(state, start, row: 0) < 1e-9 }
    }

    // MARK: - Losses that are no numbers although samples are

    /// A pair whose loss is always NaN is an error of the data, which names it, not a defect.
    @Test func aPairWithoutALossIsNamed() throws {
        var settings = settings
        settings.learningRate = 0
        var problem = try problem(toy.denoiser)
        problem.train = FittingSet(toy.train, loss: Overflowing(toy.train.targets) { _, pair in pair == 3 })
        #expect {
            try LD3(settings).fit(problem)
        } throws: { error in
            let failure = error as? Failure
            return failure?.status == .data && failure?.place?.contains("\(toy.train.seeds[3])") == true
        }
    }

    /// Starts with such a loss are the last, and a fit goes on from the others.
    @Test func aLossThatOverflowsIsInfinite() throws {
        let problem = toy.problem(try Solver(.ipndm), steps: 4)
        let best = try StartRace(problem).ratings()[0]
        let along = try problem.pairSolver.results(
            problem.solver.program(process: .edm, times: best.start.times), problem.validation)
        var overflowing = problem
        overflowing.validation = FittingSet(
            toy.validation,
            loss: Overflowing(toy.validation.targets) { sample, pair in
                distance(sample, along.samples(pair..<pair + 1), row: 0) < 1e-9
            })
        let rated = try StartRace(overflowing).ratings()
        #expect(rated.last?.start == best.start && rated.last?.loss == .infinity)
        #expect(rated[0].loss.isFinite)
    }

    /// Steps to where the loss overflows are too long.
    @Test func gaussNewtonStaysWhereTheLossIsANumber() throws {
        var problem = try problem(toy.denoiser)
        let program = try problem.solver.program(
            process: .edm, times: Discretization.edm.times(steps: 4, process: .edm))
        let start = try problem.pairSolver.results(program, problem.train)
        problem.train = FittingSet(
            toy.train,
            loss: Overflowing(toy.train.targets) { sample, pair in
                pair == 0 && distance(sample, start.samples(0..<1), row: 0) > 0.002
            })
        var method = GeneralizedFit()
        method.refitSteps = 0
        let fit = try method.fit(problem)
        #expect(fit.lossAfter <= fit.lossBefore && fit.lossAfter.isFinite)
    }

    // MARK: - GGDM

    /// GGDM's best iterate stays although all that follows breaks down.
    @Test func aScoreThatBreaksDownLeavesTheBest() throws {
        let met = Recording(toy.denoiser)
        let whole = try ggdm(toy.denoiser)
        let before = try #require(whole.detail("score_before"))
        var found: (best: Double, times: [Double])?
        _ = try ggdm(met) { event in
            guard found == nil, case .step(let step) = event, step.best < before else { return }
            found = (step.best, met.times)
        }
        let (best, times) = try #require(found)
        #expect(try #require(whole.detail("score_after")) <= best)
        let broken = try ggdm(Fragile(denoiser: toy.denoiser, safe: times))
        #expect(broken.detail("score_after") == best)
        #expect(broken.history.validation.count < whole.history.validation.count)
    }

    /// Every step of GGDM away from the start's own times is taken back; a start without gradients is an error.
    @Test(arguments: [false, true]) func aStepOfGGDMTooFarIsTakenBack(onlyGradients: Bool) throws {
        let times = try Discretization.edm.times(steps: 4, process: toy.process)
        let fit = try ggdm(Fragile(denoiser: toy.denoiser, safe: times, onlyGradients: onlyGradients))
        let (before, after) = (fit.detail("score_before"), fit.detail("score_after"))
        #expect(try #require(after) <= #require(before) && fit.lossAfter.isFinite)
        if !onlyGradients { #expect(after == before && fit.history.training.count == 20) }
        #expect {
            try ggdm(Fragile(denoiser: toy.denoiser, safe: [], onlyGradients: true))
        } throws: { error in
            (error as? NetworkBreakdown)?.isGradient == true
        }
    }

    /// Forty steps from EDM's times.
    private func ggdm(
        _ denoiser: any Denoiser<Double>, observe: @escaping (FitEvent) -> Void = { _ in }
    ) throws -> Fit {
        var method = GGDM(FeatureChoice(.elements))
        (method.trainingSteps, method.batch) = (40, 20)
        (method.learningRate, method.validationInterval) = (0.01, 5)
        return try method.fit(problem(denoiser), observe: observe)
    }

    // MARK: - Generalized fits

    /// A fit that breaks down leaves the start, a refit that breaks down the fit.
    @Test func aGeneralizedFitKeepsTheBest() throws {
        var method = GeneralizedFit()
        method.optimizer.steps = 3
        method.refitSteps = 0
        method.starts = 0
        let fit = { try method.fit(problem($0)) }
        let met = Recording(toy.denoiser)
        let fitted = try fit(met)
        let times = try Discretization.edm.times(steps: 4, process: toy.process)
        let nothing = try fit(Fragile(denoiser: toy.denoiser, safe: times))
        #expect(nothing.lossAfter == nothing.lossBefore && fitted.lossAfter < nothing.lossAfter)
        method.refitSteps = 2
        #expect(try method.fit(problem(toy.denoiser)).schedule != fitted.schedule)
        #expect(try method.fit(problem(Fragile(denoiser: toy.denoiser, safe: met.times))).schedule == fitted.schedule)
    }
}
