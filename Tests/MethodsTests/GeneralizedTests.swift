import Diffusion
import Fitting
import FittingTestSupport
import Methods
import Schedules
import Solvers
import Tensors
import Testing

@Suite struct GeneralizedTests {
    private let initial = [1, 0.8, 1.2, 0.9, 1.3] + [0, 0.05, -0.04, 0.02, 0]

    /// All-zero offsets are the base solver (docs/methods/gauss-newton.md, "Parameters").
    @Test(arguments: Solver.tested)
    func theMultistepFormIsTheSolver(solver: Solver) throws {
        let toy = try Toy()
        let family = toy.family(solver, steps: 4)
        let generalized = try GeneralizedFamily(family)
        let set = toy.set(toy.train)
        let base = try toy.student(family).solver.results(family.program(initial), set)
        let parameters = initial + [Double](repeating: 0, count: generalized.coefficientCount)
        let program: StepProgram<Double> = try generalized.program(parameters)
        #expect(program.evaluations == solver.evaluations(steps: 4, process: .edm))
        var same = try toy.student(generalized).solver.results(program, set)
        same.add(base, times: -1)
        #expect(same.elements.allSatisfy { abs($0) < 1e-10 })
    }

    /// Under the sum rule the solver's answer to a constant output is the base solver's, whatever the parameters.
    @Test(arguments: Solver.tested) func sumRule(solver: Solver) throws {
        let times = try Toy().family(solver, steps: 4)
        let family = try GeneralizedFamily(times, keepsSums: true)
        let offsets = gaussian(shape: [family.coefficientCount], seed: 8).elements
        let form: MultistepForm<Double> = try family.form(initial + offsets)
        let base = MultistepForm<Double>(try times.program(initial))
        #expect(form.startWeights == base.startWeights)
        for (row, own) in zip(form.outputWeights, base.outputWeights) {
            #expect(abs(row.reduce(0, +) - own.reduce(0, +)) < 1e-12)
        }
        let evaluations = family.evaluations
        let free = family.indices(of: .coefficients)
        #expect(free.count == evaluations * (evaluations - 1) / 2)
        for parameter in Array(family.times.parameterCount..<family.parameterCount) {
            var moved = initial + offsets
            moved[parameter] += 1
            let other: MultistepForm<Double> = try family.form(moved)
            #expect((other.outputWeights != form.outputWeights) == free.contains(parameter))
        }
    }

    /// Each column of the Jacobian equals central differences of whole solves.
    @Test(arguments: Solver.tested, [LearnedParts.all, [.times, .modelTimes]])
    func jacobianIsTheDerivative(solver: Solver, parts: LearnedParts) throws {
        let toy = try Toy()
        let family = try GeneralizedFamily(toy.family(solver, steps: 4))
        let student = toy.student(family)
        let set = toy.set(toy.train)
        let parameters = initial + gaussian(shape: [family.coefficientCount], seed: 9).map { 0.01 * $0 }.elements
        let free = family.indices(of: parts)
        let jacobian = try student.jacobian(parameters, set, at: Array(0..<set.count), free: free)
        for (column, parameter) in free.enumerated() {
            var (above, below) = (parameters, parameters)
            above[parameter] += 1e-5
            below[parameter] -= 1e-5
            var difference = try student.solver.results(family.program(above), set)
            difference.add(try student.solver.results(family.program(below), set), times: -1)
            let slope = difference.map { $0 / 2e-5 }
            var error = jacobian.columns[column]
            error.add(slope, times: -1)
            #expect(error.dot(error).squareRoot() < 0.03 * slope.dot(slope).squareRoot() + 1e-6)
        }
    }

    /// Times reach all coefficients, yet each time is moved at once, which takes fewer evaluations than moving every
    /// coefficient.
    @Test func theJacobianOfFewParametersCostsLess() throws {
        let toy = try Toy()
        let family = try GeneralizedFamily(toy.family(Solver(.ipndm), steps: 4))
        let counter = EvaluationCounter()
        let student = Student(
            PairSolver(CountingDenoiser(toy.denoiser, counter: counter), startScale: toy.process.priorScale),
            family: family)
        let set = toy.set(toy.train)
        func cost(_ parts: LearnedParts) throws -> Int {
            let before = counter.count
            let parameters = initial + [Double](repeating: 0, count: family.coefficientCount)
            _ = try student.jacobian(parameters, set, at: [0], free: family.indices(of: parts))
            return (counter.count - before).forwards
        }
        // The solve; three evaluations after each inner logit; those at and after each inner model time.
        #expect(try cost([.times]) == 4 + 3 * 3)
        #expect(try cost([.modelTimes]) == 4 + 3 + 2 + 1)
        #expect(try cost([.times, .modelTimes]) < cost(LearnedParts.all))
    }

    /// Model times on the bound of their window move with the times, which no gradient tells. The times then stay and
    /// the rest goes on, so that the fit still improves and nothing leaves its window.
    @Test(arguments: Solver.tested) func modelTimesOnTheirBounds(solver: Solver) throws {
        let toy = try Toy(pairs: 40)
        let family = try GeneralizedFamily(toy.family(solver, steps: 4))
        let xi = [1, 0.8, 1.2, 0.9, 1.3]
        let window = family.times.parameterization.window(xi)
        let start =
            xi + [0, window, -window, window, 0] + [Double](repeating: 0, count: family.coefficientCount)
        let optimizer = LevenbergMarquardt(
            student: toy.student(family), settings: LevenbergMarquardtSettings(),
            learning: [.times, .modelTimes, .coefficients], train: [toy.set(toy.train)],
            validation: toy.set(toy.validation))
        let before = try optimizer.state(start)
        let after = try optimizer.run(from: start)
        #expect(after.trainingLoss < 0.9 * before.trainingLoss && after.validationLoss < before.validationLoss)
        let bound = family.times.parameterization.window(Array(after.parameters.prefix(5)))
        #expect(after.parameters[5..<10].allSatisfy { abs($0) <= bound })
    }

    /// A start outside the window is read as on its bound; the fit begins there.
    @Test func modelTimesOutsideTheirWindow() throws {
        let toy = try Toy()
        let family = try GeneralizedFamily(toy.family(Solver(.ipndm), steps: 4))
        let zeros = [Double](repeating: 0, count: family.coefficientCount)
        var settings = LevenbergMarquardtSettings()
        settings.steps = 1
        let optimizer = LevenbergMarquardt(
            student: toy.student(family), settings: settings, learning: [.times, .modelTimes],
            train: [toy.set(toy.train)], validation: toy.set(toy.validation))
        let window = family.times.parameterization.window([1, 0.8, 1.2, 0.9, 1.3])
        func start(_ factor: Double) -> [Double] {
            [1, 0.8, 1.2, 0.9, 1.3, 0, factor * window, -factor * window, 0.1 * window, 0] + zeros
        }
        #expect(try optimizer.run(from: start(2)) == optimizer.run(from: start(1)))
    }

    /// A heavy ridge holds the coefficients to those of the start, not to the base solver's.
    @Test func theRidgePullsTowardsTheStart() throws {
        let toy = try Toy(pairs: 24)
        let family = try GeneralizedFamily(toy.family(Solver(.ipndm), steps: 4))
        let offsets = gaussian(shape: [family.coefficientCount], seed: 5).map { 0.02 * $0 }.elements
        var settings = LevenbergMarquardtSettings()
        settings.ridge = 1e6
        let optimizer = LevenbergMarquardt(
            student: toy.student(family), settings: settings, learning: [.times, .modelTimes, .coefficients],
            train: [toy.set(toy.train)], validation: toy.set(toy.validation))
        let before = try optimizer.state(initial + offsets)
        let after = try optimizer.run(from: initial + offsets)
        #expect(after.validationLoss < before.validationLoss)
        for (held, offset) in zip(after.parameters.dropFirst(10), offsets) { #expect(abs(held - offset) < 1e-3) }
    }

    @Test(arguments: Solver.tested)
    func learnedCoefficientsBeatLearnedTimes(solver: Solver) throws {
        // Heun's eight evaluations have 44 coefficients, which twelve pairs of four numbers cannot hold.
        let toy = try Toy(pairs: solver.family == .heun ? 120 : 24)
        let family = try GeneralizedFamily(toy.family(solver, steps: 4))
        func fit(_ parts: LearnedParts, from start: [Double]) throws
            -> LevenbergMarquardt<Double, GeneralizedFamily>.State
        {
            try LevenbergMarquardt(
                student: toy.student(family), settings: LevenbergMarquardtSettings(), learning: parts,
                train: [toy.set(toy.train)], validation: toy.set(toy.validation)
            ).run(from: start)
        }
        let start = [Double](repeating: 1, count: 5) + [Double](repeating: 0, count: 5 + family.coefficientCount)
        let times = try fit([.times, .modelTimes], from: start)
        let all = try fit([.times, .modelTimes, .coefficients], from: times.parameters)
        #expect(all.validationLoss < times.validationLoss)
        #expect(all.trainingLoss < times.trainingLoss)
    }

    private func problem(_ toy: Toy, _ solver: Solver) -> FitProblem<Double> {
        toy.problem(solver, steps: 4)
    }

    /// DDIM's fit begins with the coefficients of a better solver.
    @Test func otherSolversAreStarts() throws {
        var method = GeneralizedFit()
        method.optimizer.steps = 2
        let problem = try problem(Toy(pairs: 40), Solver(.ddim))
        let fit = try method.fit(problem)
        let start = try #require(fit.startName)
        #expect(start.hasSuffix("with ipndm 3") || start.hasSuffix("with dpm-solver++ 2"), "\(start)")
        #expect(fit.schedule.solver.family == .ddim && fit.lossAfter < fit.lossBefore)
        method.coefficients.triesOtherSolvers = false
        let own = try method.fit(problem)
        #expect(own.startName.map { own.starts.map(\.start.name).contains($0) } == true)
        #expect(own.lossAfter < own.lossBefore && own.schedule != fit.schedule)
    }

    /// The refit trains on the validation pairs. The loss told and the start of the next budget are from before it.
    @Test func theRefitTellsTheLossBeforeIt() throws {
        let problem = try problem(Toy(pairs: 40), Solver(.ipndm))
        var method = GeneralizedFit()
        method.refitSteps = 0
        let plain = try method.fit(problem)
        method.refitSteps = 5
        let refitted = try method.fit(problem)
        #expect(refitted.lossAfter == plain.lossAfter && refitted.judged == plain.schedule)
        #expect(refitted.schedule != plain.schedule && refitted.schedule.lossAfter == plain.schedule.lossAfter)
        func loss(_ fit: Fit) throws -> Double {
            let program = try fit.schedule.program()
            let losses = try [problem.train, problem.validation].map { try problem.hardLoss(program, on: $0) }
            return losses.reduce(0, +)
        }
        #expect(try loss(refitted) < loss(plain))
    }

    /// More finalists never choose worse; the training pairs may come in several sets.
    @Test func finalistsAndSeveralSets() throws {
        let toy = try Toy(pairs: 40)
        let problem = try problem(toy, Solver(.ipndm))
        var method = GeneralizedFit()
        method.finalists = 1
        let one = try method.fit(problem)
        method.finalists = 3
        #expect(try method.fit(problem).lossAfter <= one.lossAfter)

        let family = try GeneralizedFamily(toy.family(Solver(.ipndm), steps: 4))
        func optimizer(_ train: [FittingSet<Double>]) -> LevenbergMarquardt<Double, GeneralizedFamily> {
            LevenbergMarquardt(
                student: toy.student(family), settings: LevenbergMarquardtSettings(), learning: .all, train: train,
                validation: nil)
        }
        let parameters = initial + [Double](repeating: 0, count: family.coefficientCount)
        let halves = [toy.train[0..<10], toy.train[10..<20]].map { toy.set($0) }
        let (apart, together) = (
            try optimizer(halves).state(parameters, isLast: false),
            try optimizer([toy.set(toy.train)]).state(parameters, isLast: false)
        )
        #expect(apart == together && apart.validationLoss == apart.trainingLoss)
        #expect(try optimizer(halves).state(parameters).trainingLoss == apart.trainingLoss)
    }

    /// The model times of several evaluations within a step need not fall; a schedule's times do.
    @Test func evaluationsWithinAStepNeedNotFall() throws {
        let toy = try Toy()
        let denoiser = try MixtureDenoiser<Double>(
            weights: [1], means: Tensor(shape: [1, 4], repeating: 0.5), deviations: Tensor(shape: [1], elements: [0.2]),
            process: .vpLinear)
        var problem = FitProblem(
            denoiser: CountingDenoiser(denoiser, counter: EvaluationCounter()), process: .vpLinear,
            budget: Budget(try Solver(.dpmSolver, order: 2), steps: 5, process: .vpLinear), train: toy.set(toy.train),
            validation: toy.set(toy.validation))
        // Half a step above. At 0.2 that is beyond the step's midpoint in the log-SNR, at which the solver asks before.
        let early = Start(
            name: "early", times: [1, 0.8, 0.6, 0.4, 0.2, 1e-3], modelTimes: [1, 0.899, 0.699, 0.499, 0.299, 1e-3])
        problem.starts = StartChoice(heuristics: [], given: [early])
        var method = GeneralizedFit(learning: .coefficients)
        method.optimizer.steps = 2
        let fit = try method.fit(problem)
        let schedule = fit.schedule
        #expect(schedule.coefficients != nil && schedule.steps == 10)
        // The next budget starts from the steps.
        #expect(zip(fit.neighbour.times, early.times).count { abs($0 - $1) < 1e-9 } == 6)
        #expect(zip(schedule.modelTimes, schedule.modelTimes.dropFirst()).contains { $0 < $1 })
        #expect(zip(schedule.times, schedule.times.dropFirst()).allSatisfy { $0 >= $1 })
        #expect(try Schedule(frame: schedule.frame(), process: .vpLinear) == schedule)
    }

    /// The tied loss is that of an export without model times, or without coefficients.
    @Test func theTiedLossIsOfTheTimesAlone() throws {
        let problem = try problem(Toy(), Solver(.ipndm))
        let times = [80, 10, 1, 0.1, 0.002]
        var schedule = Schedule(
            solver: problem.solver, process: .edm, times: times, modelTimes: [80, 8, 1.1, 0.12, 0.002], method: "ld3")
        let plain = try problem.hardLoss(problem.solver.program(process: .edm, times: times), on: problem.validation)
        #expect(try problem.tiedLoss(schedule) == plain)
        #expect(try problem.hardLoss(schedule.program(), on: problem.validation) != plain)
        schedule.modelTimes = times
        #expect(try problem.tiedLoss(schedule) == nil)
        var method = GeneralizedFit(learning: .coefficients)
        method.optimizer.steps = 1
        schedule = try method.fit(problem).schedule
        let ownTimes = try problem.solver.program(process: .edm, times: schedule.times)
        #expect(schedule.coefficients != nil && schedule.modelTimes == schedule.times)
        #expect(try problem.tiedLoss(schedule) == problem.hardLoss(ownTimes, on: problem.validation))
    }

    /// The best on one pair gives way to the best on all, and is not refitted.
    @Test func aBadStartIsDropped() throws {
        var method = GeneralizedFit(learning: [.times, .modelTimes])
        method.startPairs = 1
        method.optimizer.steps = 1
        // So much damping that nothing moves.
        method.optimizer.damping = 1e12
        let fit = try method.fit(problem(Toy(pairs: 40), Solver(.ipndm)))
        #expect(fit.startName == fit.starts[0].start.name)
        #expect(fit.lossAfter == fit.lossBefore)
    }
}
