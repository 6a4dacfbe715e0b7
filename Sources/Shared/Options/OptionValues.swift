import Diagnostics

/// The values of declared options, as a command line gives them. Every value is of the kind that its option declares.
package protocol OptionValues: Sendable {
    /// Returns whether the option was given, so that its value is not the default.
    func isGiven(_ name: String) -> Bool
    func flag(_ name: String) -> Bool
    /// Return the value given, else the default, else nil.
    func stringIfGiven(_ name: String) -> String?
    func integerIfGiven(_ name: String) -> Int?
    func doubleIfGiven(_ name: String) -> Double?
    /// Return the value given, else the default. Throw `usage` if there is neither.
    func string(_ name: String) throws -> String
    func integer(_ name: String) throws -> Int
    func double(_ name: String) throws -> Double
    /// Returns the case of `Choice` whose raw value is the option's.
    func choice<Choice>(_ name: String, _ type: Choice.Type) throws -> Choice
    where Choice: CaseIterable & RawRepresentable, Choice.RawValue == String
    /// Returns the threads that the run may use.
    func threads() -> Int
}

extension OptionValues {
    /// Throws `usage` if one of the options `names` is given although it means nothing here; `reason` says why.
    package func refuse(_ names: [String], _ reason: String, suggestion: String? = nil) throws {
        guard let name = names.first(where: isGiven) else { return }
        throw Failure.option(name, reason, suggestion: suggestion)
    }
}

/// Returns the option as a user writes it.
package func spelled(_ name: String) -> String { "--\(name)" }

extension Failure {
    /// A wrong use of an option. `use` is its name, with its value if that matters.
    package static func option(_ use: String, _ message: String, suggestion: String? = nil) -> Failure {
        Failure(.usage, place: spelled(use), message, suggestion: suggestion)
    }
}

extension OptionGroup {
    /// Returns this group with options that are all left out of the provenance.
    package func withoutEffectOnNumbers() -> OptionGroup {
        OptionGroup(title, topic: topic, options.map { $0.withoutEffectOnNumbers() })
    }
}
