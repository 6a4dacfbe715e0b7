import Diagnostics
import Fitting
import Solvers
import Tensors

/// Adam on the score of random batches of the training noises.
struct GGDMTrainer<Element: TensorElement> {
    let student: Student<Element, GeneralizedFamily>
    let settings: GGDM
    let free: [Int]
    let train: FittingSet<Element>
    let validation: FittingSet<Element>
    let observe: (TrainingStep) -> Void

    /// Returns the iterate of least validation score, with the scores of the start and of it. If the network breaks
    /// down about an iterate, the next one starts from the best so far. Throws `NetworkBreakdown` if it breaks down at
    /// once.
    func run(from initial: [Double]) throws -> (parameters: [Double], scoreBefore: Double, scoreAfter: Double) {
        var (parameters, generator) = (initial, SplitMix(seed: settings.seed))
        var adam = Adam(learningRate: settings.learningRate, count: free.count)
        let scoreBefore = try score(initial)
        var best = (parameters: initial, score: scoreBefore)
        let size = min(settings.batch, train.count)
        for step in 1...settings.trainingSteps {
            let batch = Array(generator.permutation(train.count).prefix(size))
            func gradients() throws -> StudentGradients<Element>? {
                try student.gradients(parameters, train, at: batch, ofNoises: false)
            }
            guard let found = try step == 1 ? gradients() : unlessBroken(gradients) ?? nil else {
                guard step > 1 else {
                    throw Failure(.data, "the score of the start or its gradient has NaN or infinity")
                }
                // A new Adam drops the momentum that led to the breakdown.
                adam = Adam(learningRate: settings.learningRate, count: free.count)
                parameters = best.parameters
                continue
            }
            adam.learningRate =
                settings.learningRate * (1 - Double(step - 1) / Double(settings.trainingSteps))
            move(&parameters, &adam, along: found.parameters)
            var validationScore: Double?
            if step % settings.validationInterval == 0 || step == settings.trainingSteps {
                validationScore = try unlessBroken { try score(parameters) }
                if let score = validationScore, score < best.score { best = (parameters, score) }
            }
            observe(
                TrainingStep(
                    number: step, trainingLoss: mean(found.losses), validationLoss: validationScore,
                    best: best.score))
        }
        return (best.parameters, scoreBefore, best.score)
    }

    private func move(_ parameters: inout [Double], _ adam: inout Adam, along gradient: [Double]) {
        var moving = free.map { parameters[$0] }
        adam.step(&moving, gradient: clipped(free.map { gradient[$0] }, to: settings.gradientLimit))
        for (index, parameter) in free.enumerated() { parameters[parameter] = moving[index] }
        student.family.project(&parameters)
    }

    /// Returns the discrepancy of all validation noises' results from the validation targets.
    private func score(_ parameters: [Double]) throws -> Double {
        let results = try student.solver.results(student.program(parameters), validation)
        return mean(try validation.loss.values(results, pairs: Array(0..<validation.count)))
    }
}
