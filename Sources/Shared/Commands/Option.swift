import Diagnostics

/// One option of a command line, declared once: how it is spelled, what it takes, what its help says.
package struct Option: Sendable {
    /// The long name without dashes.
    package var name: String
    package var short: Character?
    /// What the help calls the value; nil for a flag.
    package var value: String?
    package var defaultValue: String?
    package var help: String
    package var isRepeatable = false
    /// Whether it can change a number that the program writes; only such options are told in ld3.history.
    package var changesNumbers = true

    package static func flag(_ name: String, short: Character? = nil, _ help: String) -> Option {
        Option(name: name, short: short, help: help)
    }

    package static func value(
        _ name: String, short: Character? = nil, _ value: String, default defaultValue: String? = nil, _ help: String
    ) -> Option {
        Option(name: name, short: short, value: value, defaultValue: defaultValue, help: help)
    }

    /// The same option, allowed more than once.
    package func repeatable() -> Option {
        var option = self
        option.isRepeatable = true
        return option
    }

    /// The same option, left out of the provenance: an output path, a matter of speed.
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

/// What one program is: everything that --help prints and the parser needs.
package struct Command: Sendable {
    package var name: String
    /// One line, lower case: "writes Gaussian noise as a tensor stream".
    package var purpose: String
    /// Lines after the program's name: "[options] > noise".
    package var usage: [String]
    package var groups: [OptionGroup]
    /// What positional arguments are called; nil where none is taken.
    package var positional: String?
    /// Whole command lines.
    package var examples: [String]

    /// The group of common options that every program has is put behind `groups`.
    package init(
        name: String, purpose: String, usage: [String], positional: String? = nil, groups: [OptionGroup],
        examples: [String]
    ) {
        self.name = name
        self.purpose = purpose
        self.usage = usage
        self.positional = positional
        self.groups = groups + [.general]
        self.examples = examples
    }

    package var options: [Option] { groups.flatMap(\.options) }
}
