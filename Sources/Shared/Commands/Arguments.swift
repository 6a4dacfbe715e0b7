import Diagnostics
import Formats
import Options
import TensorStream

/// A parsed command line, whose values are of the kinds that their options declare. Accessors throw `usage`, which
/// names the option, if a value is missing.
package struct Arguments: OptionValues {
    package let command: Command
    /// The options as given, in order; a flag has no value.
    let given: [(option: Option, value: String?)]
    package let positionals: [String]
    package let reporter: Reporter

    package func isGiven(_ name: String) -> Bool { given.contains { $0.option.name == name } }

    /// Returns whether the flag `name` was given.
    package func flag(_ name: String) -> Bool {
        _ = declaration(name)
        return isGiven(name)
    }

    /// Returns every value of a repeatable option, in order.
    package func strings(_ name: String) -> [String] {
        _ = declaration(name)
        return given.filter { $0.option.name == name }.compactMap(\.value)
    }

    /// Returns the value given, else the default, else nil.
    package func stringIfGiven(_ name: String) -> String? {
        strings(name).last ?? declaration(name).defaultValue
    }

    /// Returns the value given, else the default. Throws `usage` if there is neither.
    package func string(_ name: String) throws -> String { try required(name, stringIfGiven(name)) }

    /// Returns the value of an option that is declared as a whole number, or nil if there is none.
    package func integerIfGiven(_ name: String) -> Int? {
        guard case .integer = declaration(name).kind else { preconditionFailure("--\(name) is no whole number") }
        return stringIfGiven(name).flatMap { Int($0) }
    }

    /// Returns the value of an option that is declared as a whole number. Throws `usage` if there is none.
    package func integer(_ name: String) throws -> Int { try required(name, integerIfGiven(name)) }

    /// Returns the value of an option that is declared as a number, or nil if there is none.
    package func doubleIfGiven(_ name: String) -> Double? {
        guard case .number = declaration(name).kind else { preconditionFailure("--\(name) is no number") }
        return stringIfGiven(name).flatMap { Double($0) }
    }

    /// Returns the value of an option that is declared as a number. Throws `usage` if there is none.
    package func double(_ name: String) throws -> Double { try required(name, doubleIfGiven(name)) }

    /// Returns the case of `Choice` whose raw value is the option's. Throws `usage` if it is none.
    package func choice<Choice>(_ name: String, _ type: Choice.Type = Choice.self) throws -> Choice
    where Choice: CaseIterable & RawRepresentable, Choice.RawValue == String {
        let text = try string(name)
        guard let value = Choice(rawValue: text) else {
            throw Failure(place: "--\(name)", unknown: text, choices: Choice.allCases.map(\.rawValue))
        }
        return value
    }

    /// The entry that this run adds to ld3.history.
    package var provenance: Provenance.Entry {
        let told = given.filter(\.option.changesNumbers).map {
            "--\($0.option.name)" + ($0.value.map { "=\($0)" } ?? "")
        }
        return Provenance.Entry(program: command.name, version: version, arguments: told + positionals)
    }

    /// The command line, as a shell reads it back.
    package var commandLine: String {
        func word(_ text: String) -> String {
            let isPlain = text.unicodeScalars.allSatisfy {
                $0.properties.isAlphabetic || "0123456789_./:@%+=,-".unicodeScalars.contains($0)
            }
            return isPlain && !text.isEmpty
                ? text : "'\(text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''"))'"
        }
        let options = given.map { "--\($0.option.name)" + ($0.value.map { "=\(word($0))" } ?? "") }
        return ([command.name] + options + positionals.map(word)).joined(separator: " ")
    }

    private func required<Value>(_ name: String, _ value: Value?) throws -> Value {
        guard let value else { throw Failure(.usage, place: "--\(name)", "is required") }
        return value
    }

    private func declaration(_ name: String) -> Option {
        guard let option = command.options.first(where: { $0.name == name }) else {
            preconditionFailure("\(command.name) declares no option --\(name)")
        }
        return option
    }
}
