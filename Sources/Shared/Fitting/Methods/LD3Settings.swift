import Solvers

/// The hyper-parameters of LD3 (M5.5, M5.6, M5.8), with the paper's defaults for a resolution and an NFE.
package struct LD3Settings: Sendable, Equatable {
    /// Rounds that train the times alone, then rounds that train the decoupled times too.
    package var timeRounds = 2
    package var allRounds = 5
    /// Samples of a training step.
    package var batch = 2
    /// Of xi.
    package var learningRate = 0.005
    package var smallestLearningRate = 5e-5
    package var momentum = 0.9
    /// Of the model offsets.
    package var offsetLearningRate: Double
    package var smallestOffsetLearningRate = 1e-6
    /// Training steps without a better validation loss before the best parameters return and the learning rates fall.
    package var patience = 5
    package var decay = 0.8
    /// Falls at the smallest offset learning rate before training ends.
    package var offsetPatience = 5
    package var gradientLimit = 1.0
    /// How far a latent may move, and how far along its own loss' gradient it steps. Radius 0 is the hard loss.
    package var ball: NoiseBall
    package var latentStep: Double
    /// Whether a latent moves only where a solve has shown that this lowers its loss, as the paper has it. Otherwise its step
    /// ends at the latest where the slope alone would have halved the loss.
    package var testsMoves = false
    package var latentDecay = 0.5
    /// Training steps between validations (M5.12 S1), of which each pass' last is always one; nil is that one alone, 1 the
    /// paper's.
    package var validationInterval: Int?
    /// Whether the validation latents move in their balls as well, as the paper's do. Otherwise parameters are chosen by the
    /// hard loss, which is what they are wanted for, and half of the gradients are not needed.
    package var movesValidationLatents = false
    /// Gauss-Newton steps on the hard loss after all rounds, at most; 0 is the paper's algorithm alone.
    package var polish = 4
    package var seed: UInt64 = 0

    /// - Parameters:
    ///   - dimension: numbers of a latent.
    ///   - evaluations: the NFE.
    ///   - isLatent: a model in the latent space of an autoencoder, for which rates, batch and rounds are smaller.
    package init(dimension: Int, evaluations: Int, isLatent: Bool = false) {
        offsetLearningRate = roundedToEightDecimals((isLatent ? 0.001 : 0.1) / Double(evaluations))
        ball = NoiseBall(dimension: dimension, evaluations: evaluations)
        if isLatent {
            allRounds = 3
            batch = 1
            learningRate = 0.001
        }
        // The reference steps 12 / NFE along the mean loss of a batch (DEF-12).
        latentStep = 12 / Double(evaluations) / Double(batch)
    }

    package var isHard: Bool { ball.radius == 0 }
    /// Whether the validation noises stay where they are, so that the loss on them is the hard one.
    package var validatesHard: Bool { isHard || !movesValidationLatents }
}
