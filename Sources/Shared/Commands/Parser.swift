import Diagnostics
import Options

extension Arguments {
    /// Parses the words after the program's name: `--name=value`, `--name value`, `-n value`, `-nvalue`, flags, and
    /// positional arguments anywhere; `--` ends the options. Throws `usage` on an unknown option, and on a value that is
    /// not of the kind that its option declares.
    package init(parsing words: [String], for command: Command, reporter: Reporter? = nil) throws {
        var given: [(option: Option, value: String?)] = []
        var positionals: [String] = []
        var rest = words[...]
        while let word = rest.popFirst() {
            if word == "--" {
                positionals += rest
                break
            } else if word.hasPrefix("--") {
                given.append(try Self.long(word.dropFirst(2), &rest, command))
            } else if word.hasPrefix("-"), word.count > 1 {
                given += try Self.short(word.dropFirst(), &rest, command)
            } else {
                positionals.append(word)
            }
        }
        try Self.check(given, positionals, command)
        self.command = command
        self.given = given
        self.positionals = positionals
        self.reporter =
            reporter
            ?? Reporter(
                program: command.name, quiet: given.contains { $0.option.name == "quiet" },
                progress: given.contains { $0.option.name == "progress" })
    }

    private static func long(
        _ word: Substring, _ rest: inout ArraySlice<String>, _ command: Command
    ) throws -> (option: Option, value: String?) {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let option = command.options.first(where: { $0.name == parts[0] }) else {
            throw Failure(
                .usage, place: "--\(parts[0])", "unknown option",
                suggestion: suggestion(
                    for: "--\(parts[0])", among: command.options.map { "--\($0.name)" },
                    otherwise: "see \(command.name) --help"))
        }
        if option.value == nil {
            guard parts.count == 1 else { throw Failure(.usage, place: "--\(option.name)", "takes no value") }
            return (option, nil)
        }
        return (option, parts.count == 2 ? parts[1] : try value(of: option, &rest))
    }

    private static func short(
        _ word: Substring, _ rest: inout ArraySlice<String>, _ command: Command
    ) throws -> [(option: Option, value: String?)] {
        var result: [(option: Option, value: String?)] = []
        var letters = word
        while let letter = letters.popFirst() {
            guard let option = command.options.first(where: { $0.short == letter }) else {
                throw Failure(.usage, place: "-\(letter)", "unknown option", suggestion: "see \(command.name) --help")
            }
            if option.value == nil {
                result.append((option, nil))
            } else {
                result.append((option, letters.isEmpty ? try value(of: option, &rest) : String(letters)))
                break
            }
        }
        return result
    }

    private static func value(of option: Option, _ rest: inout ArraySlice<String>) throws -> String {
        guard let word = rest.first, !word.hasPrefix("--") else {
            throw Failure(.usage, place: "--\(option.name)", "needs a value: \(option.value ?? "")")
        }
        rest.removeFirst()
        return word
    }

    private static func check(
        _ given: [(option: Option, value: String?)], _ positionals: [String], _ command: Command
    ) throws {
        var names: Set<String> = []
        for (option, _) in given where !names.insert(option.name).inserted && option.value != nil {
            if !option.isRepeatable { throw Failure(.usage, place: "--\(option.name)", "is given twice") }
        }
        for (option, value) in given { try value.map { try option.check($0, for: command) } }
        if command.positional == nil, let word = positionals.first {
            throw Failure(.usage, place: word, "unexpected argument", suggestion: "see \(command.name) --help")
        }
    }
}

extension Option {
    /// Throws `usage`, naming this option, if `value` is not of its kind.
    func check(_ value: String, for command: Command) throws {
        do {
            try kind.check(value)
        } catch var failure as Failure {
            failure.place = failure.place ?? "--\(name)"
            throw failure.spellingOptions(of: command)
        }
    }
}
