import Fitting

/// Tells when parameters are validated, when the best ones return with lower learning rates, and when training ends
/// (paper, App. D.1).
struct Patience {
    /// Training steps without a gain before the best parameters return.
    let limit: Int
    /// Training steps between validations; nil if only the last of a pass is followed by one.
    let interval: Int?
    /// Falls at the smallest learning rate before training ends.
    let lastFalls: Int

    private var stepsSinceValidation = 0
    private var stepsWithoutGain = 0
    private var fallsAtSmallestRate = 0

    init(_ settings: LD3Settings) {
        limit = settings.patience
        interval = settings.validationInterval
        lastFalls = settings.lastFalls
    }

    /// Counts a training step, and returns whether a validation is due.
    mutating func stepped(isLastOfPass: Bool) -> Bool {
        stepsSinceValidation += 1
        return stepsSinceValidation >= interval ?? .max || isLastOfPass
    }

    /// Takes the outcome of a validation into account, and returns whether the best parameters are to return.
    mutating func validated(isGain: Bool) -> Bool {
        stepsWithoutGain = isGain ? 0 : stepsWithoutGain + stepsSinceValidation
        stepsSinceValidation = 0
        return stepsWithoutGain >= limit
    }

    /// Starts to count anew, since the best parameters have returned.
    mutating func returned(atSmallestRate: Bool) {
        (stepsSinceValidation, stepsWithoutGain) = (0, 0)
        if atSmallestRate { fallsAtSmallestRate += 1 }
    }

    var isExhausted: Bool { fallsAtSmallestRate >= lastFalls }
}
