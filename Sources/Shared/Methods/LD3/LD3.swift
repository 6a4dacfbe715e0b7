import Diagnostics
import Diffusion
import Fitting
import Options
import Schedules
import Solvers
import Tensors

/// LD3, polished: Algorithm 1 of the paper from the best start, then Gauss-Newton steps on the hard loss.
package struct LD3: FitMethod {
    package static let name = "ld3"
    package static let differentiates = true
    package static let fitsSamplers = true

    private let times: TimesSettings
    private let settings: @Sendable (_ dimension: Int, _ evaluations: Int, _ isLatent: Bool) -> LD3Settings
    /// Nil if the model decides.
    private let recipe: Recipe?

    /// The kind of samples for which the paper gives settings.
    enum Recipe: String, CaseIterable { case pixels, latents }

    package init(_ settings: LD3Settings, times: TimesSettings = TimesSettings()) {
        self.times = times
        self.settings = { _, _, _ in settings }
        recipe = nil
    }

    package func check(_ budget: Budget, on process: NoiseProcess) throws { _ = try times.family(process, budget) }

    package func fit<Element: TensorElement>(
        _ problem: FitProblem<Element>, observe: @escaping (FitEvent) -> Void
    ) throws -> Fit {
        let before = problem.work
        let family = try times.family(problem.process, problem.budget, tied: problem.sampler?.takesModelTimes == false)
        let starts = try StartRace(problem, family).winners()
        var settings = settings(
            problem.denoiser.sampleShape.reduce(1, *), problem.budget.evaluations, problem.isLatent)
        // A single step has no times to learn.
        if problem.steps == 1 { (settings.timePasses, settings.allPasses, settings.polishSteps) = (0, 0, 0) }
        let log = FitLog(Self.measure, observe)
        var trainer = try LD3Trainer(
            student: problem.student(family), settings: settings, initial: family.parameters(starts[0].start),
            train: problem.train, validation: problem.validation, initialLosses: starts[0].losses, observe: log.append)
        let trained = try trainer.run()
        let polish = Polish(steps: settings.polishSteps, problem: problem, observe: { observe(.step($0)) })
        let found = try polish.run(
            family, from: trained.parameters, loss: settings.validatesHard ? trained.loss : nil)
        let lists = family.timeLists(found.parameters)
        let schedule = Schedule(
            solver: problem.solver, process: problem.process, times: lists.times, modelTimes: lists.modelTimes,
            method: Self.name)
        let lossAfter = try found.loss ?? problem.hardLoss(problem.course(schedule), on: problem.validation)
        var fit = Fit(schedule, starts: starts, lossAfter: lossAfter, work: problem.work - before)
        fit.history = log.history
        let official = settings.officialWork(
            problem.budget, train: problem.train.count, validation: problem.validation.count,
            recomputes: problem.resources.policy == .recompute)
        fit.details.append(
            FitDetail(
                section: .work,
                text: "the official trainer's: \(official.forwards) forward, \(official.pullbacks) backward"))
        return fit
    }
}

extension LD3 {
    package static let options = [
        OptionGroup(
            "training (defaults: the paper's for the resolution and the evaluations)", topic: "training",
            [
                .value(
                    "rounds", "A,B", kind: .checked { _ = try passes($0) },
                    "passes that train the times, then passes that train the model times too [2,5]"),
                .integer("train-batch", in: 1...1 << 30, "pairs of a training step [2]"),
                .number("learning-rate", in: 0...1e9, "of the times' logits [0.005]"),
                .number("learning-rate-floor", in: 0...1e9, "its least value [5e-5]"),
                .number("model-learning-rate", in: 0...1e9, "of the model times [0.1/NFE]"),
                .number("model-learning-rate-floor", in: 0...1e9, "its least value [1e-6]"),
                .number("momentum", in: 0...1, "of RMSprop [0.9]"),
                .number("gradient-limit", in: 0...1e9, "longer gradients are scaled down to this norm [1]"),
                .integer("patience", in: 1...1 << 30, "training steps without a gain before the rates fall [5]"),
                .number("decay", in: 0...1, "the factor by which they fall [0.8]"),
                .number("radius", in: 0...1e9, "of the ball in which a noise may move [0.001 d/NFE^2]"),
                .number(
                    "latent-step", in: 0...1e9,
                    "of a noise along its own loss' gradient [6/NFE; latents: 12/NFE]"),
                .number("latent-decay", in: 0...1, "of that step if no tested move of a pass gains [0.5]"),
                .integer(
                    "validate-every", in: 1...1 << 30, "training steps between validations; 1 is the paper's [a pass]"),
                .flag("soft-validation", "validation noises move too, and moves are tested, as the paper's"),
                .integer(
                    "polish", in: 0...10_000,
                    "Gauss-Newton steps on the hard loss at the end, at most; 0 is the paper's [4]"),
                .choice(
                    "recipe", cases: Recipe.self,
                    "pixels, or latents: the paper's smaller rates, batch 1, passes 2,3 [what the pairs are]"),
            ])
    ]

    package static let shared = TimesSettings.names.union(["seed", "hard"])

    package init(_ values: any OptionValues) throws {
        times = try TimesSettings(values)
        if values.flag("hard") {
            try values.refuse(
                ["radius", "latent-step", "latent-decay"],
                "is about moves of noises, and \(spelled("hard")) allows none")
        }
        let passes = try values.stringIfGiven("rounds").map(Self.passes)
        let seed = UInt64(try values.integer("seed"))
        let recipe = values.stringIfGiven("recipe").flatMap(Recipe.init)
        self.recipe = recipe
        settings = { dimension, evaluations, isLatent in
            var settings = LD3Settings(
                dimension: dimension, evaluations: evaluations,
                isLatent: recipe.map { $0 == .latents } ?? isLatent)
            func replace(_ value: inout Double, _ name: String) { value = values.doubleIfGiven(name) ?? value }
            func replace(_ value: inout Int, _ name: String) { value = values.integerIfGiven(name) ?? value }
            if let passes { (settings.timePasses, settings.allPasses) = passes }
            replace(&settings.batch, "train-batch")
            replace(&settings.learningRate, "learning-rate")
            replace(&settings.smallestLearningRate, "learning-rate-floor")
            replace(&settings.modelLearningRate, "model-learning-rate")
            replace(&settings.smallestModelLearningRate, "model-learning-rate-floor")
            replace(&settings.momentum, "momentum")
            replace(&settings.gradientLimit, "gradient-limit")
            replace(&settings.patience, "patience")
            replace(&settings.decay, "decay")
            replace(&settings.ball.radius, "radius")
            replace(&settings.noiseStep, "latent-step")
            replace(&settings.noiseStepDecay, "latent-decay")
            replace(&settings.polishSteps, "polish")
            settings.validationInterval = values.integerIfGiven("validate-every")
            settings.movesValidationNoises = values.flag("soft-validation")
            settings.testsMoves = values.flag("soft-validation")
            if values.flag("hard") { settings.ball.radius = 0 }
            settings.seed = seed
            return settings
        }
    }

    private static func passes(_ text: String) throws -> (Int, Int) {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 2, let first = parts[0], let second = parts[1],
            [first, second].allSatisfy({ (0...1 << 20).contains($0) })
        else { throw Failure(.usage, "`\(text)` is not A,B such as 2,5") }
        return (first, second)
    }

    package var noteOnLatents: String? {
        recipe == nil
            ? "the pairs are latents: the paper's settings for these are taken; \(spelled("recipe")) pixels takes the others"
            : nil
    }

    package var solvedPairs: SolvedPairs { .all }
    // Memory is had for the larger batch. The parts do not depend on what is asked here.
    package var differentiatedBatch: Int { settings(1, 1, false).batch }
    package var learned: LearnedParts {
        let settings = settings(1, 1, false)
        let learnsModelTimes = !times.keepsModelTimes && settings.allPasses + settings.polishSteps > 0
        return learnsModelTimes ? [.times, .modelTimes] : .times
    }
}
