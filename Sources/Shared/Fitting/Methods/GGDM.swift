import Diagnostics
import Diffusion
import Metrics
import Solvers
import Tensors

/// GGDM's way to a solver (M8.4; Watson et al. 2022): times, network times and coefficients by back-propagation through
/// sampling, for samples whose features are distributed as the targets' are. No sample is held to its own target.
package struct GGDMSettings: Sendable, Equatable {
    package var iterations = 100
    /// Noises of a step.
    package var batch = 32
    /// Of Adam; falls to zero over the run.
    package var learningRate = 0.003
    package var gradientLimit = 1.0
    /// Steps between looks at the validation pairs, which choose the iterate.
    package var validationInterval = 10
    package var seed: UInt64 = 0

    package init() {}
}

extension FitProblem {
    /// Lowers the score of the training noises from the best candidate. Its cost: an evaluation and a pullback for each
    /// of the solver's, noise and step, and the validation noises at every look.
    ///
    /// - Parameter learning: what is free; nothing else moves.
    package func ggdm(
        _ settings: GGDMSettings, features: any DifferentiableFeatures<Element>, learning: LearnedParts,
        observe: @escaping (LD3Event) -> Void = { _ in }
    ) throws -> Fit {
        let rated = try ratedCandidates()
        let before = denoiser.counter.count
        let family = try GeneralizedFamily(family, keepsSums: keepsSums)
        let log = FitLog(observe)
        let trainer = GGDMTrainer(
            student: student(family), settings: settings, free: family.indices(of: learning),
            train: train.scored(by: try DistributionScore(features, targets: train.pairs.targets)),
            validation: validation.scored(by: try DistributionScore(features, targets: validation.pairs.targets)),
            observe: log.append)
        let found = try trainer.run(from: family.parameters(rated[0].candidate))
        let work = denoiser.counter.count - before
        var schedule = try schedule(family, found.parameters, learning)
        schedule.method = "ggdm"
        schedule.lossBefore = rated[0].loss
        let lossAfter = try finiteLoss(schedule.program())
        schedule.lossAfter = lossAfter
        return Fit(
            schedule: schedule, neighbour: family.neighbour(found.parameters), candidates: rated,
            lossBefore: rated[0].loss, lossAfter: lossAfter,
            score: Fit.Score(before: found.scoreBefore, after: found.scoreAfter), history: log.history, work: work)
    }
}

/// Adam on the score of random batches of the training noises.
private struct GGDMTrainer<Element: TensorElement> {
    let student: Student<Element, GeneralizedFamily>
    let settings: GGDMSettings
    let free: [Int]
    let train: FittingSet<Element>
    let validation: FittingSet<Element>
    let observe: (LD3Event) -> Void

    /// The iterate of least validation score, with the scores of the start and of it. Where the network breaks down about an
    /// iterate, the next one starts from the best so far. Throws where it breaks down at once.
    func run(from initial: [Double]) throws -> (parameters: [Double], scoreBefore: Double, scoreAfter: Double) {
        var (parameters, generator) = (initial, SplitMix(seed: settings.seed))
        var adam = Adam(learningRate: settings.learningRate, count: free.count)
        let scoreBefore = try score(initial)
        var best = (parameters: initial, score: scoreBefore)
        let size = min(settings.batch, train.count)
        for iteration in 1...settings.iterations {
            let batch = Array(generator.permutation(train.count).prefix(size))
            func scoreGradients() throws -> StudentGradients<Element> {
                try student.finiteGradients(parameters, train, at: batch, ofLatents: false)
            }
            let found = try iteration == 1 ? scoreGradients() : whereFinite(scoreGradients)
            guard let gradients = found else {
                // Without the momentum that led too far.
                adam = Adam(learningRate: settings.learningRate, count: free.count)
                parameters = best.parameters
                continue
            }
            adam.learningRate =
                settings.learningRate * (1 - Double(iteration - 1) / Double(settings.iterations))
            step(&parameters, &adam, along: gradients.parameters)
            var validationScore: Double?
            if iteration % settings.validationInterval == 0 || iteration == settings.iterations {
                let score = try whereFinite { try self.score(parameters) }
                if let score, score < best.score { best = (parameters, score) }
                validationScore = score
            }
            observe(
                .iteration(
                    number: iteration, trainingLoss: mean(gradients.losses), validationLoss: validationScore,
                    best: best.score))
        }
        return (best.parameters, scoreBefore, best.score)
    }

    private func step(_ parameters: inout [Double], _ adam: inout Adam, along gradient: [Double]) {
        var moving = free.map { parameters[$0] }
        adam.step(&moving, gradient: clipped(free.map { gradient[$0] }, to: settings.gradientLimit))
        for (index, parameter) in free.enumerated() { parameters[parameter] = moving[index] }
        student.family.cutToWindow(&parameters)
    }

    /// The discrepancy of all validation noises' results from the validation targets.
    private func score(_ parameters: [Double]) throws -> Double {
        let results = try student.results(student.program(parameters), validation)
        return mean(try validation.loss.values(results, pairs: Array(0..<validation.count)))
    }
}

extension FittingSet {
    /// The same noises under another loss.
    fileprivate func scored(by loss: any Loss<Element>) -> FittingSet {
        var set = FittingSet(pairs, loss: loss)
        set.firstOutputs = firstOutputs
        return set
    }
}
