/// Work of the official trainer that is left out without changing any result (M5.12).
///
/// Each can be switched off to check just that. R5 (features of targets) and R7 (activations kept) belong to the loss
/// and to `ActivationPolicy`; R8 (files written at every iteration) has no counterpart here.
package struct WorkSavings: OptionSet, Sendable {
    package let rawValue: Int

    package init(rawValue: Int) { self.rawValue = rawValue }

    /// R1: no evaluation after the last step.
    package static let unusedEvaluation = WorkSavings(rawValue: 1)
    /// R2: D(x_T; T) is kept as long as a latent stays.
    package static let firstEvaluation = WorkSavings(rawValue: 2)
    /// R3: a validation is given up once it cannot win.
    package static let earlyAbort = WorkSavings(rawValue: 4)
    /// R4: losses that are known at a round's start are not computed again.
    package static let knownLosses = WorkSavings(rawValue: 8)
    /// R6: with the hard loss there is no second solve, nor a gradient of the latents.
    package static let hardLatents = WorkSavings(rawValue: 16)

    package static let all: WorkSavings = [
        .unusedEvaluation, .firstEvaluation, .earlyAbort, .knownLosses, .hardLatents,
    ]

    /// By the names of METHODS M5.12.
    package static let named: [(name: String, saving: WorkSavings)] = [
        ("r1", .unusedEvaluation), ("r2", .firstEvaluation), ("r3", .earlyAbort), ("r4", .knownLosses),
        ("r6", .hardLatents),
    ]
}
