import Diagnostics
import Diffusion
import Fitting
import Metrics
import Options
import Schedules
import Solvers
import Tensors

/// GGDM's way to a solver (Watson et al. 2022; docs/methods/ggdm.md): times, model times and coefficients by
/// back-propagation through sampling, for samples whose features are distributed as the targets' are. No sample is held
/// to its own target.
package struct GGDM: FitMethod {
    package static let name = "ggdm"
    package static let options = [
        OptionGroup(
            "GGDM (\(spelled("method")) ggdm)", topic: "ggdm",
            [
                .integer("ggdm-iterations", in: 1...1 << 30, default: "100", "steps of GGDM"),
                .integer(
                    "ggdm-batch", in: 2...1 << 20, default: "32", "noises of a step, at most the pairs to train on"),
                .number("ggdm-learning-rate", in: 0...1000, default: "0.003", "of Adam; it falls to zero"),
                .choice(
                    "features", cases: FeatureChoice.Name.self,
                    "whose distribution GGDM matches: mnist32, elements (the samples' own), or lpips (the last tap of "
                        + "\(spelled("lpips-weights"))) [mnist32 if it fits]"),
            ])
    ]

    package var times = TimesSettings()
    package var coefficients: CoefficientSettings
    package var features: FeatureChoice
    package var trainingSteps = 100
    /// The noises of a step.
    package var batch = 32
    /// The learning rate of Adam; it falls to zero over the run.
    package var learningRate = 0.003
    package var gradientLimit = 1.0
    /// Steps between looks at the validation pairs, which choose the iterate.
    package var validationInterval = 10
    package var seed: UInt64 = 0

    package init(_ features: FeatureChoice, learning parts: LearnedParts = .all) {
        self.features = features
        coefficients = CoefficientSettings(parts)
    }

    package init(_ values: any OptionValues) throws {
        times = try TimesSettings(values)
        coefficients = try CoefficientSettings(values)
        if !coefficients.triesOtherSolvers {
            throw Failure.option("own-coefficients", "is what \(spelled("method")) ggdm does anyway")
        }
        features = try FeatureChoice(values)
        trainingSteps = try values.integer("ggdm-iterations")
        batch = try values.integer("ggdm-batch")
        learningRate = try values.double("ggdm-learning-rate")
        seed = UInt64(try values.integer("seed"))
    }

    package static var measure: FitHistory.Measure { .score }
    package var solvedPairs: SolvedPairs { .all }
    package var learned: LearnedParts { coefficients.learned(times) }
    package var differentiatedBatch: Int { batch }
    package static let shared = TimesSettings.names.union(["seed"])
    package func usesNetwork(ofSamples shape: [Int]) -> Bool { features.name(ofSamples: shape) != .elements }

    /// Lowers the score of the training noises from the best start. The work is an evaluation and a pullback for each
    /// of the solver's evaluations, noise and step, and the validation noises at every look.
    package func fit<Element: TensorElement>(
        _ problem: FitProblem<Element>, observe: @escaping (FitEvent) -> Void
    ) throws -> Fit {
        let timesFamily = try times.family(problem.process, problem.budget)
        let features: any DifferentiableFeatures<Element> = try features.features(for: problem.train.pairs.targets)
        let starts = try StartRace(problem).ratings()
        let before = problem.work
        let family = try GeneralizedFamily(timesFamily, keepsSums: coefficients.keepsSums)
        let log = FitLog(Self.measure, observe)
        func scored(_ set: FittingSet<Element>) throws -> FittingSet<Element> {
            var scored = FittingSet(
                set.pairs, loss: try DistributionScore(features, targets: set.pairs.targets))
            scored.firstOutputs = set.firstOutputs
            return scored
        }
        let trainer = GGDMTrainer(
            student: problem.student(family), settings: self, free: family.indices(of: coefficients.parts),
            train: try scored(problem.train), validation: try scored(problem.validation), observe: log.append)
        let found = try trainer.run(from: family.parameters(starts[0].start))
        let work = problem.work - before
        let schedule = try family.schedule(
            found.parameters, learned: coefficients.parts, solver: problem.solver, method: Self.name)
        var fit = Fit(
            schedule, starts: starts, lossAfter: try problem.validationLoss(schedule.program()), work: work)
        fit.neighbour = family.start("neighbour", found.parameters)
        fit.history = log.history
        fit.details.append(
            FitDetail(
                section: .losses,
                text: "validation score \(compact(found.scoreBefore)) -> \(compact(found.scoreAfter)): "
                    + "squared discrepancy of features",
                numbers: [
                    .init(name: "score_before", value: found.scoreBefore),
                    .init(name: "score_after", value: found.scoreAfter),
                ]))
        return fit
    }
}
