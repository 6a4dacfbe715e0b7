/// The official trainer's work that is left out without any change of the result (docs/methods/ld3.md, "Work left
/// out"). Each saving can be switched off, to check just that.
package struct WorkSavings: OptionSet, Sendable {
    package let rawValue: Int

    package init(rawValue: Int) { self.rawValue = rawValue }

    /// There is no evaluation after the last step.
    package static let unusedEvaluation = WorkSavings(rawValue: 1)
    /// D(x_T; T) is kept as long as a noise stays.
    package static let firstEvaluation = WorkSavings(rawValue: 2)
    /// A validation is given up once it cannot win.
    package static let earlyAbort = WorkSavings(rawValue: 4)
    /// Losses that are known when a pass begins are not computed again.
    package static let knownLosses = WorkSavings(rawValue: 8)
    /// With the hard loss there is no second solve, nor a gradient of the noises.
    package static let hardNoises = WorkSavings(rawValue: 16)

    package static let all: WorkSavings = [
        .unusedEvaluation, .firstEvaluation, .earlyAbort, .knownLosses, .hardNoises,
    ]

    /// The names of docs/methods/ld3.md, "Work left out".
    package static let named: [(name: String, saving: WorkSavings)] = [
        ("r1", .unusedEvaluation), ("r2", .firstEvaluation), ("r3", .earlyAbort), ("r4", .knownLosses),
        ("r6", .hardNoises),
    ]
}
