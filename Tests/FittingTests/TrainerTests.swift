import Diffusion
import Fitting
import Schedules
import Solvers
import Tensors
import Testing

/// METHODS M11.8 on a mixture.
@Suite struct TrainerTests {
    private func settings(_ toy: Toy, steps: Int) -> LD3Settings {
        var settings = LD3Settings(dimension: 4, evaluations: steps)
        // A radius that this small dimension can feel.
        settings.ball = NoiseBall(radius: 0.05)
        settings.timeRounds = 2
        settings.allRounds = 2
        settings.validationInterval = 1
        settings.movesValidationLatents = true
        settings.testsMoves = true
        return settings
    }

    /// The defaults, with such a radius.
    private var usual: LD3Settings {
        var settings = LD3Settings(dimension: 4, evaluations: 4)
        settings.ball = NoiseBall(radius: 0.05)
        return settings
    }

    private func trainer(
        _ toy: Toy, solver: Solver, steps: Int, savings: WorkSavings = .all, policy: ActivationPolicy = .keep,
        hard: Bool = false, settings: LD3Settings? = nil, observe: @escaping (LD3Event) -> Void = { _ in }
    ) throws -> LD3Trainer<Double> {
        var student = toy.student(toy.family(solver, steps: steps))
        student.savings = savings
        student.policy = policy
        student.batch = 4
        var settings = settings ?? self.settings(toy, steps: steps)
        if hard { settings.ball.radius = 0 }
        return try LD3Trainer(
            student: student, settings: settings,
            initial: [Double](repeating: 1, count: steps + 1) + [Double](repeating: 0, count: steps + 1),
            train: toy.set(toy.train), validation: toy.set(toy.validation), observe: observe)
    }

    @Test(arguments: ["ipndm3", "uni_pc_bh1_3"])
    func trainingLowersTheLossAndKeepsEveryBound(name: String) throws {
        let toy = try Toy()
        let solver = try Solver(name: name)
        var trainer = try trainer(toy, solver: solver, steps: 5)
        let start = trainer.best.loss
        let best = try trainer.run()
        #expect(best.loss < 0.8 * start)
        let (times, modelTimes) = trainer.student.family.timeLists(best.parameters)
        #expect(times.first == 80 && times.last == 0.002)
        #expect(zip(times, times.dropFirst()).allSatisfy { $0 > $1 })
        #expect(zip(modelTimes, modelTimes.dropFirst()).allSatisfy { $0 >= $1 })
        for set in [trainer.train, trainer.validation] {
            for row in 0..<set.count {
                #expect(distance(set.latents, set.pairs.noise, row: row) <= 0.05 * (1 + 1e-6))
            }
        }
        // The losses told are those of the parameters and latents returned.
        let losses = try trainer.student.losses(trainer.student.program(best.parameters), trainer.validation)
        #expect(losses == best.losses)
    }

    /// Within a round the best loss falls; moving the validation latents at the best parameters lowers it too.
    @Test func theBestLossNeverRises() throws {
        let toy = try Toy()
        let log = Log()
        var trainer = try trainer(toy, solver: try Solver(.ipndm), steps: 4) { log.append($0) }
        var last = trainer.best.loss
        _ = try trainer.run()
        #expect(log.bests.count > 10)
        for best in log.bests {
            #expect(best <= last)
            last = best
        }
    }

    /// R1 to R4, R6 and R7 change no bit of the result (M5.12). The validation pairs are several batches.
    @Test(arguments: WorkSavings.named.map(\.name) + ["all", "recompute"], [false, true])
    func savingsChangeNothing(name: String, hard: Bool) throws {
        let toy = try Toy(pairs: 24)
        let solver = try Solver(.unipc)
        let removed = WorkSavings.named.first { $0.name == name }?.saving
        let savings = removed.map { WorkSavings.all.subtracting($0) } ?? (name == "all" ? [] : .all)
        for settings in [settings(toy, steps: 4), usual] {
            var all = try trainer(toy, solver: solver, steps: 4, hard: hard, settings: settings)
            var other = try trainer(
                toy, solver: solver, steps: 4, savings: savings, policy: name == "recompute" ? .recompute : .keep,
                hard: hard, settings: settings)
            let (expected, result) = (try all.run(), try other.run())
            #expect(expected == result)
            #expect(all.train.latents == other.train.latents)
        }
    }

    /// Every so many training steps and after the last of a pass.
    @Test func validationsAreSpaced() throws {
        let toy = try Toy(pairs: 28)
        let log = Log()
        var settings = settings(toy, steps: 4)
        settings.validationInterval = 3
        var trainer = try trainer(
            toy, solver: Solver(.ipndm), steps: 4, savings: .all.subtracting(.earlyAbort), settings: settings
        ) { log.append($0) }
        _ = try trainer.run()
        #expect(log.validated == [3, 6, 7, 10, 13, 14, 17, 20, 21, 24, 27, 28])
    }

    /// By default the last parameters of each pass meet the validation pairs, whose noises stay.
    @Test func aPassIsValidatedOnceOnTheHardLoss() throws {
        let toy = try Toy(pairs: 28)
        let log = Log()
        var trainer = try trainer(
            toy, solver: Solver(.ipndm), steps: 4, savings: .all.subtracting(.earlyAbort), settings: usual
        ) { log.append($0) }
        let start = trainer.best.loss
        let best = try trainer.run()
        #expect(log.validated == (1...7).map { 7 * $0 })
        #expect(best.loss < start)
        #expect(trainer.validation.latents == toy.validation.noise && trainer.train.latents != toy.train.noise)
        let student = trainer.student
        #expect(try student.losses(student.program(best.parameters), toy.set(toy.validation)) == best.losses)
    }

    /// What the race has found out about the winner is what the trainer would: it need not look again.
    @Test func theTrainerStartsFromTheRacesLosses() throws {
        let toy = try Toy(pairs: 24)
        let problem = FitProblem(
            denoiser: CountingDenoiser(toy.denoiser, counter: EvaluationCounter()), process: toy.process,
            solver: try Solver(.ipndm), steps: 4, train: toy.set(toy.train), validation: toy.set(toy.validation))
        let winner = try problem.racedCandidates()[0]
        let trainer = try LD3Trainer(
            student: problem.student(problem.family), settings: usual,
            initial: problem.family.parameters(times: winner.candidate.times), train: problem.train,
            validation: problem.validation)
        #expect(trainer.best.losses == winner.losses)
    }

    /// Nothing is trained on noises that the last round would move.
    @Test func theLastRoundMovesNoNoise() throws {
        let toy = try Toy(pairs: 24)
        var settings = settings(toy, steps: 4)
        (settings.timeRounds, settings.allRounds) = (1, 0)
        var trainer = try trainer(toy, solver: Solver(.ipndm), steps: 4, settings: settings)
        _ = try trainer.run()
        #expect(trainer.train.latents == toy.train.noise && trainer.validation.latents == toy.validation.noise)
        settings.timeRounds = 2
        var longer = try self.trainer(toy, solver: Solver(.ipndm), steps: 4, settings: settings)
        _ = try longer.run()
        #expect(longer.train.latents != toy.train.noise && longer.validation.latents != toy.validation.noise)
    }

    /// The polish starts where the rounds end, and the hard validation loss decides.
    @Test(arguments: ["ipndm3", "uni_pc_bh1_3", "heun"])
    func polishNeverRaisesTheHardLoss(name: String) throws {
        let toy = try Toy(pairs: 24)
        let solver = try Solver(name: name)
        let problem = FitProblem(
            denoiser: CountingDenoiser(toy.denoiser, counter: EvaluationCounter()), process: toy.process,
            solver: solver, steps: 4, train: toy.set(toy.train), validation: toy.set(toy.validation))
        var settings = settings(toy, steps: 4)
        settings.polish = 0
        let rough = try problem.ld3(settings)
        settings.polish = 3
        let polished = try problem.ld3(settings)
        // Rough losses are of the same schedule in another form: they differ by rounding.
        #expect(polished.lossAfter <= rough.lossAfter * (1 + 1e-12))
        #expect(polished.work.pullbacks > rough.work.pullbacks)
        #expect(polished.history == rough.history)
    }

    /// However long the step, the slope alone would take half of the loss away at most.
    @Test func untestedMovesAreShort() throws {
        let toy = try Toy(pairs: 28)
        var settings = usual
        (settings.timeRounds, settings.allRounds) = (2, 0)
        settings.ball = NoiseBall(radius: 1e9)
        settings.learningRate = 0
        func trained(step: Double, tests: Bool = false) throws -> LD3Trainer<Double> {
            settings.latentStep = step
            settings.testsMoves = tests
            var trainer = try trainer(toy, solver: Solver(.ipndm), steps: 4, settings: settings)
            _ = try trainer.run()
            return trainer
        }
        func losses(_ trainer: LD3Trainer<Double>) throws -> [Double] {
            let program = try trainer.student.program(trainer.best.parameters)
            return try #require(try trainer.student.losses(program, trainer.train))
        }
        let still = try losses(trained(step: 0))
        let short = try losses(trained(step: 1e-3))
        #expect(short == (try losses(trained(step: 1e-3, tests: true))))
        let long = try losses(trained(step: 1e9))
        for ((before, little), after) in zip(zip(still, short), long) {
            #expect(little < before)
            // About a half, since the loss is a square and its slope falls along the way.
            #expect(after > 0.3 * before && after < 0.9 * before)
        }
    }

    /// There is but one schedule of one step.
    @Test func oneStepHasNothingToLearn() throws {
        let toy = try Toy()
        let fit = try toy.problem(Solver(.ipndm), steps: 1).ld3(usual)
        #expect(fit.schedule.times == [80, 0.002] && fit.lossAfter == fit.lossBefore)
        #expect(fit.work == EvaluationCount(forwards: 6 + 12, pullbacks: 0))
    }

    /// Losses that are handed on instead of taken again are the schedule's.
    @Test(arguments: [false, true], [0, 3])
    func theLossToldIsTheSchedules(moves: Bool, polish: Int) throws {
        let toy = try Toy(pairs: 24)
        for (isTied, radius) in [(false, 0.05), (true, 0.05), (false, 0)] {
            var problem = FitProblem(
                denoiser: CountingDenoiser(toy.denoiser, counter: EvaluationCounter()), process: toy.process,
                solver: try Solver(.ipndm), steps: 4, train: toy.set(toy.train), validation: toy.set(toy.validation))
            problem.isTied = isTied
            var settings = settings(toy, steps: 4)
            settings.movesValidationLatents = moves
            settings.ball = NoiseBall(radius: radius)
            settings.polish = polish
            let fit = try problem.ld3(settings)
            let loss = try problem.hardLoss(fit.schedule.program(), on: problem.validation)
            #expect(abs(fit.lossAfter - loss) <= 1e-12 * loss)
            problem.savings = []
            #expect(try problem.ld3(settings).schedule == fit.schedule)
        }
    }

    @Test func theSeedAloneDecides() throws {
        let toy = try Toy(pairs: 8)
        let solver = try Solver(.ipndm)
        var (first, second) = (try trainer(toy, solver: solver, steps: 4), try trainer(toy, solver: solver, steps: 4))
        let trained = try first.run()
        #expect(try trained == second.run())
        var settings = settings(toy, steps: 4)
        settings.seed = 1
        var other = try trainer(toy, solver: solver, steps: 4, settings: settings)
        #expect(try trained != other.run())
    }

    /// The closed-form optimum of Euler on Gaussian data (M11.3), to four digits.
    @Test(arguments: [4, 5, 6])
    func gaussianTimesConvergeToTheClosedForm(steps: Int) throws {
        let denoiser = GaussianDenoiser<Double>(sampleShape: [8], deviation: 0.5)
        let noise = gaussian(shape: [8, 8], seed: 2)
        // The exact flow: every component shrinks by the same factor.
        let factor = ((0.002 * 0.002 + 0.25) / (80.0 * 80 + 0.25)).squareRoot()
        let pairs = Pairs(
            seeds: (0..<8).map(Int64.init), condition: .none, noise: noise, targets: noise.map { 80 * factor * $0 })
        let split = try pairs.split(train: nil, validation: nil)
        let family = TimesFamily(
            solver: try Solver(.euler), parameterization: Parameterization(process: .edm, steps: steps, mode: .lambda),
            isTied: true)
        var settings = LD3Settings(dimension: 8, evaluations: steps)
        settings.ball.radius = 0
        settings.batch = 4
        settings.timeRounds = 1500
        settings.allRounds = 0
        settings.smallestLearningRate = 1e-8
        func set(_ pairs: Pairs<Double>) -> FittingSet<Double> {
            FittingSet(pairs, loss: PixelLoss(.l2, targets: pairs.targets))
        }
        var trainer = try LD3Trainer(
            student: Student(denoiser, family: family, startScale: 80), settings: settings,
            initial: family.parameters(times: Discretization.edm.times(steps: steps, process: .edm)),
            train: set(split.train), validation: set(split.validation))
        let best = try trainer.run()
        let (first, last) = (Double.atan(80 / 0.5), Double.atan(0.002 / 0.5))
        for (index, time) in family.timeLists(best.parameters).times.enumerated() {
            let optimum = 0.5 * Double.tan(first + Double(index) / Double(steps) * (last - first))
            #expect(abs(time / optimum - 1) < 1e-4)
        }
    }
}

private final class Log {
    var bests: [Double] = []
    /// The training steps whose parameters met all validation pairs.
    var validated: [Int] = []

    func append(_ event: LD3Event) {
        switch event {
        case .iteration(let number, _, let validationLoss, let best):
            bests.append(best)
            if validationLoss != nil { validated.append(number) }
        case .round(_, let loss): bests.append(loss)
        case .end: break
        }
    }
}
