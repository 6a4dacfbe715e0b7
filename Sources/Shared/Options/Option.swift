/// One option of a command line, declared once: its spelling, the values that it takes, and its help.
package struct Option: Sendable {
    /// The long name without dashes.
    package var name: String
    package var short: Character?
    /// The name of the value in the help; nil for a flag.
    package var value: String?
    package var kind = ValueKind.text
    /// The value if none is given, as a user would write it.
    package var defaultValue: String?
    package var help: String
    package var isRepeatable = false
    /// Whether it can change a number that the program writes; only such options are told in ld3.history.
    package var changesNumbers = true

    package static func flag(_ name: String, short: Character? = nil, _ help: String) -> Option {
        Option(name: name, short: short, help: help)
    }

    /// Returns an option whose value is any text, unless `kind` says more.
    package static func value(
        _ name: String, short: Character? = nil, _ value: String, kind: ValueKind = .text,
        default defaultValue: String? = nil, _ help: String
    ) -> Option {
        Option(name: name, short: short, value: value, kind: kind, defaultValue: defaultValue, help: help)
    }

    /// Returns an option whose value is a whole number of `range`.
    package static func integer(
        _ name: String, short: Character? = nil, _ value: String = "N", in range: ClosedRange<Int>,
        default defaultValue: String? = nil, _ help: String
    ) -> Option {
        .value(name, short: short, value, kind: .integer(range), default: defaultValue, help)
    }

    /// Returns an option whose value is a finite number of `range`.
    package static func number(
        _ name: String, short: Character? = nil, _ value: String = "X", in range: ClosedRange<Double>,
        default defaultValue: String? = nil, _ help: String
    ) -> Option {
        .value(name, short: short, value, kind: .number(range), default: defaultValue, help)
    }

    /// Returns an option whose value is one of `words`.
    package static func choice(
        _ name: String, short: Character? = nil, _ value: String = "NAME", among words: [String],
        default defaultValue: String? = nil, _ help: String
    ) -> Option {
        .value(name, short: short, value, kind: .choice(words), default: defaultValue, help)
    }

    /// Returns an option whose value is the raw value of one case of `Choice`.
    package static func choice<Choice>(
        _ name: String, short: Character? = nil, _ value: String = "NAME", cases type: Choice.Type,
        default defaultValue: String? = nil, _ help: String
    ) -> Option where Choice: CaseIterable & RawRepresentable, Choice.RawValue == String {
        .choice(name, short: short, value, among: Choice.allCases.map(\.rawValue), default: defaultValue, help)
    }

    /// Returns this option, allowed more than once.
    package func repeatable() -> Option {
        var option = self
        option.isRepeatable = true
        return option
    }

    /// Returns this option as one that the provenance leaves out, since it names an output or changes only the speed.
    package func withoutEffectOnNumbers() -> Option {
        var option = self
        option.changesNumbers = false
        return option
    }
}

/// Options under one heading of the help.
package struct OptionGroup: Sendable {
    package var title: String
    /// The word after --help that shows this group; nil if plain --help shows it. Groups may share a topic.
    package var topic: String?
    package var options: [Option]

    package init(_ title: String, topic: String? = nil, _ options: [Option]) {
        self.title = title
        self.topic = topic
        self.options = options
    }
}
