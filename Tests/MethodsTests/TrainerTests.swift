import Diffusion
import Fitting
import FittingTestSupport
import Methods
import Schedules
import Solvers
import Tensors
import Testing

/// LD3 on a mixture of Gaussians.
@Suite struct TrainerTests {
    private func settings(_ toy: Toy, steps: Int) -> LD3Settings {
        var settings = LD3Settings(dimension: 4, evaluations: steps)
        // A radius that has an effect in so few dimensions.
        settings.ball = NoiseBall(radius: 0.05)
        settings.timePasses = 2
        settings.allPasses = 2
        settings.validationInterval = 1
        settings.movesValidationNoises = true
        settings.testsMoves = true
        return settings
    }

    /// The defaults with such a radius.
    private var usual: LD3Settings {
        var settings = LD3Settings(dimension: 4, evaluations: 4)
        settings.ball = NoiseBall(radius: 0.05)
        return settings
    }

    private func trainer(
        _ toy: Toy, solver: Solver, steps: Int, savings: WorkSavings = .all, policy: ActivationPolicy = .keep,
        hard: Bool = false, settings: LD3Settings? = nil, observe: @escaping (FitEvent) -> Void = { _ in }
    ) throws -> LD3Trainer<Double> {
        var student = toy.student(toy.family(solver, steps: steps))
        student.solver.resources.savings = savings
        student.solver.resources.policy = policy
        student.solver.resources.batch = 4
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
                #expect(distance(set.movedNoises, set.pairs.noise, row: row) <= 0.05 * (1 + 1e-6))
            }
        }
        // The losses told are those of the parameters and moved noises returned.
        let losses = try trainer.student.solver.losses(trainer.student.program(best.parameters), trainer.validation)
        #expect(losses == best.losses)
    }

    /// The best loss falls within a pass, and when the validation noises move at the best parameters.
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

    /// No saving changes a bit of the result. The validation pairs are several batches.
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
            #expect(all.train.movedNoises == other.train.movedNoises)
        }
    }

    /// Parameters are validated after every third training step and after the last of a pass.
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
        #expect(trainer.validation.movedNoises == toy.validation.noise && trainer.train.movedNoises != toy.train.noise)
        let student = trainer.student
        #expect(try student.solver.losses(student.program(best.parameters), toy.set(toy.validation)) == best.losses)
    }

    /// The race's losses of the winner are those that the trainer would compute, which need not do so again.
    @Test func theTrainerBeginsWithTheRacesLosses() throws {
        let toy = try Toy(pairs: 24)
        let problem = toy.problem(try Solver(.ipndm), steps: 4)
        let family = try TimesSettings().family(problem.process, problem.budget)
        let winner = try StartRace(problem, family).winners()[0]
        let trainer = try LD3Trainer(
            student: problem.student(family), settings: usual,
            initial: family.parameters(winner.start), train: problem.train,
            validation: problem.validation)
        #expect(trainer.best.losses == winner.losses)
    }

    /// No noise moves in the last pass, since nothing is trained on it after that.
    @Test func theLastPassMovesNoNoise() throws {
        let toy = try Toy(pairs: 24)
        var settings = settings(toy, steps: 4)
        (settings.timePasses, settings.allPasses) = (1, 0)
        var trainer = try trainer(toy, solver: Solver(.ipndm), steps: 4, settings: settings)
        _ = try trainer.run()
        #expect(trainer.train.movedNoises == toy.train.noise && trainer.validation.movedNoises == toy.validation.noise)
        settings.timePasses = 2
        var longer = try self.trainer(toy, solver: Solver(.ipndm), steps: 4, settings: settings)
        _ = try longer.run()
        #expect(longer.train.movedNoises != toy.train.noise && longer.validation.movedNoises != toy.validation.noise)
    }

    /// The polish begins with the parameters of the passes, and the hard validation loss decides.
    @Test(arguments: ["ipndm3", "uni_pc_bh1_3", "heun"])
    func polishNeverRaisesTheHardLoss(name: String) throws {
        let toy = try Toy(pairs: 24)
        let solver = try Solver(name: name)
        let problem = toy.problem(solver, steps: 4)
        var settings = settings(toy, steps: 4)
        settings.polishSteps = 0
        let rough = try LD3(settings).fit(problem)
        settings.polishSteps = 3
        let polished = try LD3(settings).fit(problem)
        // The rough loss is that of another form of the solver, which differs by rounding.
        #expect(polished.lossAfter <= rough.lossAfter * (1 + 1e-12))
        #expect(polished.work.pullbacks > rough.work.pullbacks)
        #expect(polished.history == rough.history)
    }

    /// The slope alone would take half of the loss away at most, however long the step is.
    @Test func untestedMovesAreShort() throws {
        let toy = try Toy(pairs: 28)
        var settings = usual
        (settings.timePasses, settings.allPasses) = (2, 0)
        settings.ball = NoiseBall(radius: 1e9)
        settings.learningRate = 0
        func trained(step: Double, tests: Bool = false) throws -> LD3Trainer<Double> {
            settings.noiseStep = step
            settings.testsMoves = tests
            var trainer = try trainer(toy, solver: Solver(.ipndm), steps: 4, settings: settings)
            _ = try trainer.run()
            return trainer
        }
        func losses(_ trainer: LD3Trainer<Double>) throws -> [Double] {
            let program = try trainer.student.program(trainer.best.parameters)
            return try #require(try trainer.student.solver.losses(program, trainer.train))
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

    /// There is only one schedule of one step.
    @Test func oneStepHasNothingToLearn() throws {
        let toy = try Toy()
        let fit = try LD3(usual).fit(toy.problem(Solver(.ipndm), steps: 1))
        #expect(fit.schedule.times == [80, 0.002] && fit.lossAfter == fit.lossBefore)
        #expect(fit.work == EvaluationCount(forwards: 6 + 12, pullbacks: 0))
    }

    /// Losses that are handed on instead of computed again are the schedule's.
    @Test(arguments: [false, true], [0, 3])
    func theLossToldIsTheSchedules(moves: Bool, polish: Int) throws {
        let toy = try Toy(pairs: 24)
        for (isTied, radius) in [(false, 0.05), (true, 0.05), (false, 0)] {
            var problem = toy.problem(try Solver(.ipndm), steps: 4)
            var times = TimesSettings()
            times.isTied = isTied
            var settings = settings(toy, steps: 4)
            settings.movesValidationNoises = moves
            settings.ball = NoiseBall(radius: radius)
            settings.polishSteps = polish
            let method = LD3(settings, times: times)
            let fit = try method.fit(problem)
            let loss = try problem.hardLoss(fit.schedule.program(), on: problem.validation)
            #expect(abs(fit.lossAfter - loss) <= 1e-12 * loss)
            problem.resources.savings = []
            #expect(try method.fit(problem).schedule == fit.schedule)
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

    /// Training finds the closed-form optimum of Euler on Gaussian data to four digits (docs/methods/heuristics.md,
    /// "Arctangent").
    @Test(arguments: [4, 5, 6])
    func gaussianTimesConvergeToTheClosedForm(steps: Int) throws {
        let denoiser = GaussianDenoiser<Double>(sampleShape: [8], deviation: 0.5)
        let noise = gaussian(shape: [8, 8], seed: 2)
        // The exact flow shrinks every component by the same factor.
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
        settings.timePasses = 1500
        settings.allPasses = 0
        settings.smallestLearningRate = 1e-8
        func set(_ pairs: Pairs<Double>) -> FittingSet<Double> {
            FittingSet(pairs, loss: PixelLoss(.l2, targets: pairs.targets))
        }
        var trainer = try LD3Trainer(
            student: Student(PairSolver(denoiser, startScale: 80), family: family), settings: settings,
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

    func append(_ event: FitEvent) {
        switch event {
        case .step(let step):
            bests.append(step.best)
            if step.validationLoss != nil { validated.append(step.number) }
        case .pass(_, let loss): bests.append(loss)
        case .noisesStay, .end: break
        }
    }
}
