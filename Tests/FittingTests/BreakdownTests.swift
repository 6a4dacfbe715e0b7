import Diffusion
import Fitting
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
        settings.ball = Ball(radius: 0.05)
        settings.timeRounds = 1
        settings.allRounds = 0
        settings.validationInterval = 1
    }

    private func problem(_ denoiser: Breaking) throws -> FitProblem<Double> {
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

    func denoise(_ x: Tensor<Double>, at times: [Double], labels: [Int]?) throws -> Tensor<Double> {
        try denoiser.denoise(next(x), at: times, labels: labels)
    }

    func linearize(_ x: Tensor<Double>, at times: [Double], labels: [Int]?) throws -> Linearization<Double> {
        try denoiser.linearize(next(x), at: times, labels: labels)
    }
}
