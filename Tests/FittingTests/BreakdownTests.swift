import Diagnostics
import Diffusion
import Fitting
import Metrics
import Schedules
import Solvers
import Synchronization
import Tensors
import Testing

/// A network that returns NaN along some parameters costs a fit these, not what it has found.
@Suite struct BreakdownTests {
    private let toy: Toy
    private var settings = LD3Settings(dimension: 4, evaluations: 4)

    init() throws {
        toy = try Toy(pairs: 60)
        settings.ball = NoiseBall(radius: 0.05)
        settings.timeRounds = 1
        settings.allRounds = 0
        settings.validationInterval = 1
    }

    private func problem(_ denoiser: any Denoiser<Double>) throws -> FitProblem<Double> {
        FitProblem(
            denoiser: CountingDenoiser(denoiser, counter: EvaluationCounter()), process: toy.process,
            solver: try Solver(.ipndm), steps: 4, train: toy.set(toy.train), validation: toy.set(toy.validation))
    }

    @Test func aPolishThatBreaksDownLeavesWhatWasTrained() throws {
        var unpolished = settings
        unpolished.polish = 0
        let whole = Breaking(toy.denoiser)
        let trained = try problem(whole).ld3(unpolished).schedule
        let polished = try problem(Breaking(toy.denoiser)).ld3(settings).schedule
        #expect(polished != trained)
        #expect(try problem(Breaking(toy.denoiser, from: whole.calls)).ld3(settings).schedule == trained)
    }

    @Test func aChallengerThatBreaksDownLoses() throws {
        var settings = settings
        settings.polish = 0
        let whole = Breaking(toy.denoiser)
        // The last call of the first validation that was not given up.
        var first: (step: Int, call: Int)?
        let best = try problem(whole).ld3(settings) { event in
            guard first == nil, case .iteration(let step, _, .some, _) = event else { return }
            first = (step, whole.calls - 1)
        }
        let (step, call) = try #require(first)
        let other = try problem(Breaking(toy.denoiser, from: call, count: 1)).ld3(settings)
        #expect(best.history.validation.contains { $0.iteration == step })
        #expect(!other.history.validation.contains { $0.iteration == step })
    }

    /// Where only the start's own times are safe, every step away from them is taken back, and the fit ends where it began.
    /// Where only gradients break down it may end at something better.
    @Test(arguments: [false, true]) func aTrainingStepTooFarIsTakenBack(onlyGradients: Bool) throws {
        var settings = settings
        settings.timeRounds = 2
        settings.allRounds = 1
        settings.polish = 0
        settings.patience = 1000
        let times = try Discretization.edm.times(steps: 4, process: toy.process)
        let denoiser = Fragile(denoiser: toy.denoiser, safe: times, onlyGradients: onlyGradients)
        for interval in [1, nil] {
            settings.validationInterval = interval
            var problem = try problem(denoiser)
            problem.heuristics = [.edm]
            problem.triesGITS = false
            let fit = try problem.ld3(settings)
            #expect(fit.lossAfter <= fit.lossBefore && fit.history.training.count > 1)
            if onlyGradients { continue }
            #expect(fit.lossAfter == fit.lossBefore && fit.history.training.count == 3 * 15)
            #expect(zip(fit.schedule.times, times).allSatisfy { abs($0 - $1) < 1e-9 * $1 })
        }
    }

    /// Where only the noises' own places are safe, all moves are taken back, and training goes on.
    @Test(arguments: [false, true]) func aMoveTooFarIsTakenBack(tests: Bool) throws {
        var settings = settings
        (settings.timeRounds, settings.allRounds) = (3, 0)
        settings.testsMoves = tests
        settings.polish = 0
        let starts = [toy.train, toy.validation].flatMap { pairs in
            (0..<pairs.count).map { pairs.noise.samples($0..<$0 + 1).scaled(by: 80) }
        }
        func fit(_ denoiser: any Denoiser<Double>, batch: Int = 16) throws -> Fit {
            var problem = try problem(denoiser)
            problem.batch = batch
            return try problem.ld3(settings)
        }
        let still = PartlyBroken(denoiser: toy.denoiser) { state, time in
            time == 80 && !starts.contains { distance(state, $0, row: 0) < 1e-9 }
        }
        let held = try fit(still)
        #expect(held.history.training.count == 3 * 15 && held.lossAfter < held.lossBefore)
        #expect(try held.schedule != fit(toy.denoiser).schedule)
        settings.movesValidationLatents = true
        #expect(try fit(still).schedule == fit(still, batch: 1).schedule)
        settings.ball = NoiseBall(radius: 0)
        settings.movesValidationLatents = false
        // With every move put back, what is trained on is the hard loss.
        #expect(try held.schedule == fit(toy.denoiser).schedule)
    }

    /// A pair that breaks down wherever it is ends a fit that has found nothing yet, and names itself.
    @Test func aBrokenPairIsNamed() throws {
        let broken = toy.train.noise.samples(7..<8).scaled(by: 80)
        let seed = toy.train.seeds[7]
        let denoiser = PartlyBroken(denoiser: toy.denoiser) { state, _ in distance(state, broken, row: 0) < 1e-9 }
        var settings = settings
        settings.learningRate = 0
        #expect {
            try problem(denoiser).ld3(settings)
        } throws: { error in
            (error as? Failure)?.place?.contains("seed \(seed), step 0") == true
        }
    }

    /// D(x_T; T) of a pair.
    @Test func aBrokenFirstOutputNamesItsSeed() throws {
        var problem = try problem(Breaking(toy.denoiser, from: 1))
        problem.batch = 4
        let first = problem.train.pairs.seeds[4]
        #expect {
            try problem.keepFirstOutputs()
        } throws: { error in
            let breakdown = error as? NetworkBreakdown
            return breakdown?.seed == first && breakdown?.step == 0 && breakdown?.time == 80
        }
    }

    /// GGDM's best iterate stays when all that follows breaks down.
    @Test func aScoreThatBreaksDownLeavesTheBest() throws {
        let whole = Breaking(toy.denoiser)
        var looks: [(step: Int, best: Double, calls: Int)] = []
        let fit = try ggdm(whole) { event in
            if case .iteration(let step, _, .some, let best) = event { looks.append((step, best, whole.calls)) }
        }
        let score = try #require(fit.score)
        let look = try #require(looks.first { $0.best < score.before })
        #expect(look.step < 40 && score.after <= look.best)
        let broken = try ggdm(Breaking(toy.denoiser, from: look.calls))
        #expect(broken.score?.after == look.best && broken.history.training.count == look.step)
        // The last call of one look alone.
        let other = try ggdm(Breaking(toy.denoiser, from: look.calls - 1, count: 1))
        #expect(other.history.validation.count == looks.count - 1)
    }

    /// Every step of GGDM away from the start's own times is taken back; a start without gradients is an error.
    @Test(arguments: [false, true]) func aStepOfGGDMTooFarIsTakenBack(onlyGradients: Bool) throws {
        let times = try Discretization.edm.times(steps: 4, process: toy.process)
        let fit = try ggdm(Fragile(denoiser: toy.denoiser, safe: times, onlyGradients: onlyGradients))
        let score = try #require(fit.score)
        #expect(score.after <= score.before && fit.lossAfter.isFinite)
        if !onlyGradients { #expect(score.after == score.before && fit.history.training.count == 20) }
        #expect {
            try ggdm(Fragile(denoiser: toy.denoiser, safe: [], onlyGradients: true))
        } throws: { error in
            error is NetworkBreakdown
        }
    }

    /// Forty steps from EDM's times.
    private func ggdm(
        _ denoiser: some Denoiser<Double>, observe: @escaping (LD3Event) -> Void = { _ in }
    ) throws -> Fit {
        var problem = try problem(denoiser)
        problem.heuristics = [.edm]
        problem.triesGITS = false
        var settings = GGDMSettings()
        (settings.iterations, settings.batch) = (40, 20)
        (settings.learningRate, settings.validationInterval) = (0.01, 5)
        return try problem.ggdm(
            settings, features: ElementFeatures(), learning: [.times, .modelTimes, .coefficients], observe: observe)
    }

    @Test func aGeneralizedFitKeepsWhatItHas() throws {
        var settings = LevenbergMarquardtSettings()
        settings.iterations = 3
        settings.refitIterations = 0
        settings.starts = 0
        func fit(_ denoiser: Breaking) throws -> Fit {
            try problem(denoiser).generalized(settings, learning: [.times, .modelTimes, .coefficients])
        }
        let rating = Breaking(toy.denoiser)
        let rated = try problem(rating).racedCandidates()
        let nothing = try fit(Breaking(toy.denoiser, from: rating.calls))
        #expect(nothing.lossAfter == rated[0].loss)
        let fitting = Breaking(toy.denoiser)
        let fitted = try fit(fitting)
        #expect(fitted.lossAfter < nothing.lossAfter)
        settings.refitIterations = 2
        let broken = try fit(Breaking(toy.denoiser, from: fitting.calls))
        #expect(broken.schedule == fitted.schedule)
        #expect(try fit(Breaking(toy.denoiser)).schedule != fitted.schedule)
    }
}

/// Another denoiser whose calls from one on, or so many of them, return NaN.
private final class Breaking: Denoiser {
    private let denoiser: MixtureDenoiser<Double>
    private let broken: Range<Int>
    private let counter = Mutex(0)

    init(_ denoiser: MixtureDenoiser<Double>, from first: Int = .max, count: Int = .max) {
        self.denoiser = denoiser
        broken = first..<first + min(count, .max - first)
    }

    var calls: Int { counter.withLock { $0 } }
    var sampleShape: [Int] { denoiser.sampleShape }
    var hasPullback: Bool { denoiser.hasPullback }
    var labelCount: Int { denoiser.labelCount }

    private func next(_ x: Tensor<Double>) -> Tensor<Double> {
        let call = counter.withLock { count in
            count += 1
            return count - 1
        }
        return broken.contains(call) ? x.map { _ in .nan } : x
    }

    func denoise(_ x: Tensor<Double>, at times: [Double], given condition: Condition) throws -> Tensor<Double> {
        try denoiser.denoise(next(x), at: times, given: condition)
    }

    func linearize(_ x: Tensor<Double>, at times: [Double], given condition: Condition) throws -> Linearization<Double>
    {
        try denoiser.linearize(next(x), at: times, given: condition)
    }
}

/// Another denoiser that is NaN, or whose gradients alone are, at all times but some.
private struct Fragile: Denoiser {
    let denoiser: MixtureDenoiser<Double>
    let safe: [Double]
    let onlyGradients: Bool

    var sampleShape: [Int] { denoiser.sampleShape }
    var hasPullback: Bool { denoiser.hasPullback }
    var labelCount: Int { denoiser.labelCount }

    private func isSafe(_ times: [Double]) -> Bool {
        times.allSatisfy { time in safe.contains { abs($0 - time) < 1e-9 * time } }
    }

    func denoise(_ x: Tensor<Double>, at times: [Double], given condition: Condition) throws -> Tensor<Double> {
        let isBroken = !onlyGradients && !isSafe(times)
        return try denoiser.denoise(isBroken ? x.map { _ in .nan } : x, at: times, given: condition)
    }

    func linearize(_ x: Tensor<Double>, at times: [Double], given condition: Condition) throws -> Linearization<Double>
    {
        let isSafe = isSafe(times)
        let whole = try denoiser.linearize(x, at: times, given: condition)
        guard !isSafe else { return whole }
        let value = onlyGradients ? whole.value : x.map { _ in .nan }
        return Linearization(value: value) { try whole.pullback($0.map { _ in .nan }) }
    }
}
