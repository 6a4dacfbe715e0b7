import Options

/// One program's declaration: everything that --help prints and that the parser and the start-up need.
package struct Command: Sendable {
    package var name: String
    /// One line, lower case: "writes Gaussian noise as a tensor stream".
    package var purpose: String
    /// Lines after the program's name: "[options] > noise".
    package var usage: [String]
    package var groups: [OptionGroup]
    /// The name of positional arguments; nil if none are taken.
    package var positional: String?
    /// Other words for topics of the help, such as the name of a method whose options have another topic.
    package var topicAliases: [String: String]
    /// Words that may be asked for as topics and have no options: methods that read none of their own.
    package var topicsWithoutOptions: [String]
    /// Whole command lines.
    package var examples: [String]
    /// Whether the program multiplies or decomposes matrices by OpenBLAS.
    package var usesLinearAlgebra: Bool

    /// Makes a command of `groups` and, behind them, the groups of options that every program has.
    package init(
        name: String, purpose: String, usage: [String], positional: String? = nil, groups: [OptionGroup],
        topicAliases: [String: String] = [:], topicsWithoutOptions: [String] = [], examples: [String],
        usesLinearAlgebra: Bool = false
    ) {
        self.name = name
        self.purpose = purpose
        self.usage = usage
        self.positional = positional
        self.groups = groups + [.general]
        self.topicAliases = topicAliases
        self.topicsWithoutOptions = topicsWithoutOptions
        self.examples = examples
        self.usesLinearAlgebra = usesLinearAlgebra
    }

    package var options: [Option] { groups.flatMap(\.options) }
}
