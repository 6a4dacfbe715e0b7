import Diagnostics
import Fitting
import Options

/// The parts of a solver that a fit learns, and how its coefficients may move and begin.
package struct CoefficientSettings: Sendable {
    package var parts: LearnedParts
    /// Whether coefficients keep treating a constant output as the solver does (docs/methods/gauss-newton.md, "Sum
    /// rule").
    package var keepsSums = false
    /// Whether coefficients may begin as another solver's.
    package var triesOtherSolvers = true

    package init(_ parts: LearnedParts = .all) { self.parts = parts }

    package static let learn = Option.value(
        "learn", "PARTS", kind: .checked { _ = try parts($0) },
        "times, model-times, coefficients (of the solver), with commas between: fitted by Gauss-Newton")

    package static let options: [Option] = [
        .flag("sum-rule", "coefficients that treat a constant output as the solver does"),
        .flag("own-coefficients", "begin with the solver's own coefficients, not another solver's"),
    ]

    package init(_ values: any OptionValues) throws {
        parts = try values.stringIfGiven("learn").map(Self.parts) ?? .all
        keepsSums = values.flag("sum-rule")
        triesOtherSolvers = !values.flag("own-coefficients")
        if !parts.contains(.coefficients) { try Self.refuse(values) }
    }

    /// Throws `usage` if options about coefficients are given, since none are learned.
    static func refuse(_ values: any OptionValues) throws {
        for option in options where values.flag(option.name) {
            throw Failure.option(
                option.name, "is about coefficients of \(spelled("learn")), and none are learned",
                suggestion: "add \(spelled("learn")) times,model-times,coefficients")
        }
    }

    private static func parts(_ text: String) throws -> LearnedParts {
        let known: [String: LearnedParts] = [
            "times": .times, "model-times": .modelTimes, "coefficients": .coefficients,
        ]
        var parts: LearnedParts = []
        for word in text.split(separator: ",").map(String.init) {
            guard let part = known[word] else { throw Failure(unknown: word, choices: known.keys.sorted()) }
            parts.insert(part)
        }
        guard !parts.isEmpty else { throw Failure(.usage, "names nothing to learn") }
        return parts
    }

    /// Returns the parts that a schedule will have of its own.
    func learned(_ times: TimesSettings) -> LearnedParts {
        times.keepsModelTimes ? parts.subtracting(.modelTimes) : parts
    }
}
