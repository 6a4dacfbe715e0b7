import Diagnostics
import Options

extension Command {
    /// The word after --help that asks for every group.
    private static let everything = "all"

    /// Returns the text that --help or --version asks for, or nil if neither is among the words before `--`. Both win
    /// over everything else on the line, however wrong. Throws `usage` if --help is given an unknown topic.
    package func information(askedForBy words: [String]) throws -> String? {
        let words = words.prefix { $0 != "--" }
        for (index, word) in words.enumerated() {
            if word == "--version" { return "\(name) \(version)\n" }
            if word.hasPrefix("--help=") { return try helpText(topic: String(word.dropFirst("--help=".count))) }
            if word == "--help" || word == "-h" {
                let next = words.dropFirst(index + 1).first
                return try next.map { $0.hasPrefix("-") ? helpText : try helpText(topic: $0) } ?? helpText
            }
        }
        return nil
    }

    /// Returns the text of plain --help: the groups without a topic, and the list of topics. No line is longer than 80
    /// columns, except of the examples.
    package var helpText: String {
        let examples = ["", "examples:"] + examples.map { "  \($0)" }
        return text(heading + lines(of: groups.filter { $0.topic == nil }) + topicLines + examples)
    }

    /// The word after --help that asks for the generated part of the manual page.
    private static let manual = "manual"

    /// Returns the text of `--help TOPIC`: the groups of that topic, or all groups for "all". `make install` asks for
    /// "manual" and for the names of shells too, which `topics` does not list. Throws `usage`, which names the topics, if
    /// there is no such topic.
    package func helpText(topic: String) throws -> String {
        if topic == Self.everything { return text(heading + lines(of: groups)) }
        if topic == Self.manual { return ManualPage(command: self).description }
        if let shell = Shell(rawValue: topic) { return shell.completions(of: self) }
        if topicsWithoutOptions.contains(topic) {
            return text(["\(topic) has no options of its own; \(name) --help shows those that it shares with others"])
        }
        let chosen = groups.filter { $0.topic == topicAliases[topic] ?? topic }
        guard !chosen.isEmpty else {
            throw Failure(place: "--help", unknown: topic, choices: topics.map(\.name) + [Self.everything])
        }
        return text(["\(name) --help \(topic)"] + lines(of: chosen))
    }

    /// The topics in the order of their first groups, each with the titles of all its groups.
    package var topics: [(name: String, titles: [String])] {
        var topics: [(name: String, titles: [String])] = []
        for group in groups {
            guard let topic = group.topic else { continue }
            if let index = topics.firstIndex(where: { $0.name == topic }) {
                topics[index].titles.append(group.title)
            } else {
                topics.append((topic, [group.title]))
            }
        }
        return topics
    }

    /// The name, the purpose and the usage.
    private var heading: [String] {
        var lines = ["\(name) - \(purpose)", ""]
        for (index, text) in usage.enumerated() {
            lines.append((index == 0 ? "usage: " : "       ") + "\(name) \(text)")
        }
        return lines
    }

    private func lines(of groups: [OptionGroup]) -> [String] {
        groups.flatMap { ["", "\($0.title):"] + $0.options.flatMap(\.helpLines) }
    }

    private var topicLines: [String] {
        let topics = topics
        guard !topics.isEmpty else { return [] }
        return ["", "more options, shown by --help TOPIC or --help \(Self.everything):"]
            + topics.flatMap { helpLines("  \($0.name)", $0.titles.joined(separator: "; ")) }
    }

    private func text(_ lines: [String]) -> String { lines.joined(separator: "\n") + "\n" }
}

extension Option {
    /// "-n, --count N" and the help beside it.
    fileprivate var helpLines: [String] {
        let names = "  " + (short.map { "-\($0), " } ?? "") + "--\(name)" + (value.map { " \($0)" } ?? "")
        return Commands.helpLines(names, help + (defaultValue.map { " [\($0)]" } ?? ""))
    }
}

/// Returns `names` and, in a second column, the words of `sentence`, wrapped at 80 columns.
private func helpLines(_ names: String, _ sentence: String) -> [String] {
    let (column, width) = (25, 80)
    var lines: [String] = []
    var line = names.aligned(left: column)
    if names.count >= column {
        lines.append(names)
        line = "".aligned(left: column)
    }
    for word in sentence.split(separator: " ") {
        if line.count + 1 + word.count > width {
            lines.append(line)
            line = "".aligned(left: column)
        }
        line += (line.count == column ? "" : " ") + word
    }
    return lines + [line]
}
