import Options

/// The generated part of a program's manual page, in the macros of man(7): name, synopsis, options and examples.
///
/// A comment stands where the hand-written sections go: the description before the options, the others at the end.
struct ManualPage: CustomStringConvertible {
    let command: Command

    /// The comments that scripts/manual replaces.
    static let descriptionMark = ".\\\" the description"
    static let endMark = ".\\\" the end"

    var description: String {
        let synopsis = command.usage.map { ".B \(command.name)\n\(text($0))" }.joined(separator: "\n.br\n")
        let groups = command.groups.map { group in
            ".SS \(text(group.title))\n" + group.options.map(entry).joined(separator: "\n")
        }
        let examples = command.examples.map { ".nf\n.RS\n\(text($0))\n.RE\n.fi" }.joined(separator: "\n.PP\n")
        let lines =
            [
                ".TH \(command.name.uppercased()) 1 \"\" \"ld3 \(version)\" \"User Commands\"", ".SH NAME",
                "\(text(command.name)) \\- \(text(command.purpose))", ".SH SYNOPSIS", synopsis, Self.descriptionMark,
                ".SH OPTIONS",
            ] + groups + [".SH EXAMPLES", examples, Self.endMark]
        return lines.joined(separator: "\n") + "\n"
    }

    private func entry(of option: Option) -> String {
        let long = "\\fB\(text("--" + option.name))\\fR" + (option.value.map { " \\fI\(text($0))\\fR" } ?? "")
        let short = option.short.map { "\\fB\(text("-\($0)"))\\fR, " } ?? ""
        let value = option.defaultValue.map { " [\(text($0))]" } ?? ""
        return ".TP\n\(short)\(long)\n\(text(option.help))\(value)"
    }

    /// Returns `text` with the characters escaped that roff would read as its own, or print as another sign.
    private func text(_ text: String) -> String {
        let escaped = text.unicodeScalars.map { scalar in
            Self.names[scalar] ?? (scalar.isASCII ? String(scalar) : Self.name(of: scalar))
        }.joined()
        return escaped.hasPrefix(".") ? "\\&" + escaped : escaped
    }

    private static let names: [Unicode.Scalar: String] = [
        "\\": "\\e", "-": "\\-", "^": "\\(ha", "~": "\\(ti", "'": "\\(aq", "`": "\\(ga",
    ]

    /// Returns roff's name of a character: its number, in four hexadecimal digits at least.
    private static func name(of scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16, uppercase: true)
        return "\\[u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits + "]"
    }
}
