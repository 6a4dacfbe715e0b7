import Diffusion
import Fitting
import Solvers

/// The hyper-parameters of LD3, with the paper's defaults for a dimension and a number of evaluations (App. D.1).
package struct LD3Settings: Sendable, Equatable {
    /// Passes that train the times alone, then passes that train the model times too.
    package var timePasses = 2
    package var allPasses = 5
    /// The pairs of a training step.
    package var batch = 2
    /// The learning rate of the times' logits xi.
    package var learningRate = 0.005
    package var smallestLearningRate = 5e-5
    package var momentum = 0.9
    /// The learning rate of the model time parameters.
    package var modelLearningRate: Double
    package var smallestModelLearningRate = 1e-6
    /// Training steps without a better validation loss before the best parameters return and the learning rates fall.
    package var patience = 5
    package var decay = 0.8
    /// Falls at the smallest learning rate of the model time parameters before training ends.
    package var lastFalls = 5
    package var gradientLimit = 1.0
    /// How far a noise may move, and how far along its own loss' gradient it steps. Radius 0 is the hard loss.
    package var ball: NoiseBall
    package var noiseStep: Double
    /// Whether a move of a noise is tested by a solve and undone if the loss does not fall (paper, Alg. 1). If false, the
    /// move is not tested but shortened, so that to first order it at most halves the loss.
    package var testsMoves = false
    package var noiseStepDecay = 0.5
    /// The training steps between validations; the paper's is 1. A validation also follows the last step of each pass. If
    /// this is nil, there are no others.
    package var validationInterval: Int?
    /// Whether the validation noises move in their balls as well, as the paper's do. If false, the hard loss chooses the
    /// parameters, and the validation noises need no gradients.
    package var movesValidationNoises = false
    /// Gauss-Newton steps on the hard loss after all passes, at most; 0 is the paper's algorithm alone.
    package var polishSteps = 4
    package var seed: UInt64 = 0

    /// - Parameters:
    ///   - dimension: the numbers of a noise.
    ///   - evaluations: the network evaluations of a sample.
    ///   - isLatent: whether the model is one of latents, for which rates, batch and passes are smaller.
    package init(dimension: Int, evaluations: Int, isLatent: Bool = false) {
        modelLearningRate = roundedToEightDecimals((isLatent ? 0.001 : 0.1) / Double(evaluations))
        ball = NoiseBall(dimension: dimension, evaluations: evaluations)
        if isLatent {
            allPasses = 3
            batch = 1
            learningRate = 0.001
        }
        // The reference steps 12 / NFE along the mean loss of a batch; here each noise steps along its own loss.
        noiseStep = 12 / Double(evaluations) / Double(batch)
    }

    package var passes: Int { timePasses + allPasses }
    package var isHard: Bool { ball.radius == 0 }
    /// Whether the validation noises stay, so that the loss on them is the hard one.
    package var validatesHard: Bool { isHard || !movesValidationNoises }

    /// Returns the work that the official trainer takes for a fit (docs/methods/ld3.md, "Cost").
    package func officialWork(_ budget: Budget, train: Int, validation: Int, recomputes: Bool) -> EvaluationCount {
        let wastes = budget.solver.wastesLastEvaluation
        let batches = (train + batch - 1) / batch
        let solves = 2 * (train + validation) + (batches + 1) * validation
        let backward = (train + validation) * budget.evaluations
        return EvaluationCount(
            forwards: passes * (solves * (budget.evaluations + (wastes ? 1 : 0)) + (recomputes ? backward : 0)),
            pullbacks: passes * backward)
    }
}

/// The reference rounds derived hyper-parameters to 8 decimals.
func roundedToEightDecimals(_ value: Double) -> Double { (value * 1e8).rounded() / 1e8 }
