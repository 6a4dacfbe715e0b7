extension Command {
    /// The text of --help, no line longer than 80 columns.
    package var helpText: String {
        var lines = ["\(name) - \(purpose)", ""]
        for (index, text) in usage.enumerated() {
            lines.append((index == 0 ? "usage: " : "       ") + "\(name) \(text)")
        }
        for group in groups {
            lines += ["", "\(group.title):"]
            for option in group.options { lines += option.helpLines }
        }
        lines += ["", "examples:"] + examples.map { "  \($0)" }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension Option {
    /// "-n, --count N" and the help beside it, wrapped.
    fileprivate var helpLines: [String] {
        let (column, width) = (25, 80)
        let names = "  " + (short.map { "-\($0), " } ?? "") + "--\(name)" + (value.map { " \($0)" } ?? "")
        var lines: [String] = []
        var line = names.count < column - 1 ? names.padded(to: column) : names
        if line.count >= column, names.count >= column - 1 {
            lines.append(line)
            line = "".padded(to: column)
        }
        let sentence = help + (defaultValue.map { " [\($0)]" } ?? "")
        for word in sentence.split(separator: " ") {
            if line.count + 1 + word.count > width {
                lines.append(line)
                line = "".padded(to: column)
            }
            line += (line.count == column ? "" : " ") + word
        }
        return lines + [line]
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
