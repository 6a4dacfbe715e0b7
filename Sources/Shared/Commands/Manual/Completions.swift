import Options

/// A shell whose completions a program can print.
enum Shell: String, CaseIterable {
    case bash
    case zsh
    case fish

    /// Returns the script that completes the command line of `command` in this shell.
    func completions(of command: Command) -> String {
        switch self {
        case .bash: bash(command)
        case .zsh: zsh(command)
        case .fish: fish(command)
        }
    }

    /// Options with words are completed to these, options with numbers to nothing, all other words to files.
    private func bash(_ command: Command) -> String {
        let function = "_" + command.name.replacing("-", with: "_")
        let cases = command.options.compactMap { option -> String? in
            guard option.value != nil, let words = option.completedWords else { return nil }
            let names = (["--\(option.name)"] + (option.short.map { ["-\($0)"] } ?? [])).joined(separator: " | ")
            return
                "        \(names)) words='\(words.joined(separator: " "))' ;;"
        }
        let names = command.options.map { "--\($0.name)" }.joined(separator: " ")
        return """
            \(function)() {
                local word=${COMP_WORDS[COMP_CWORD]} words=files
                case ${COMP_WORDS[COMP_CWORD - 1]} in
            \(cases.joined(separator: "\n"))
                    *) [[ $word != -* ]] || words='\(names)' ;;
                esac
                if [ "$words" = files ]; then
                    mapfile -t COMPREPLY < <(compgen -f -- "$word")
                else
                    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
                fi
            }
            complete -o filenames -F \(function) \(command.name)

            """
    }

    private func zsh(_ command: Command) -> String {
        let specifications = command.options.flatMap { option -> [String] in
            let text = "[" + option.help.escaping("\\[]:", by: "\\") + "]" + option.zshValue
            let star = option.isRepeatable ? "*" : ""
            let spellings =
                ["--\(option.name)" + (option.value == nil ? "" : "=")]
                + (option.short.map { ["-\($0)" + (option.value == nil ? "" : "+")] } ?? [])
            return spellings.map { "    " + quoted(star + $0 + text) }
        }
        let rest = command.positional.map { ["    " + quoted("*:\($0):_files")] } ?? []
        return "#compdef \(command.name)\n_arguments -s \\\n"
            + (specifications + rest).joined(separator: " \\\n") + "\n"
    }

    private func fish(_ command: Command) -> String {
        command.options.map { option in
            var line = "complete -c \(command.name) -l \(option.name)"
            if let short = option.short { line += " -s \(short)" }
            if option.value != nil { line += " -r" }
            if let words = option.completedWords {
                line += " -f" + (words.isEmpty ? "" : " -a " + quoted(words.joined(separator: " ")))
            }
            return line + " -d " + quoted(option.help) + "\n"
        }.joined()
    }

    /// Returns `text` as one word of this shell.
    private func quoted(_ text: String) -> String {
        self == .fish ? "'" + text.escaping("\\'", by: "\\") + "'" : "'" + text.replacing("'", with: "'\\''") + "'"
    }
}

extension Option {
    /// The words to which the value is completed; empty for numbers, nil if it may be a file.
    fileprivate var completedWords: [String]? {
        switch kind {
        case .choice(let words): words
        case .integer, .number: []
        case .text, .checked: nil
        }
    }

    /// The value of this option in the notation of zsh's `_arguments`.
    fileprivate var zshValue: String {
        guard let value else { return "" }
        let action = completedWords.map { $0.isEmpty ? "" : "(\($0.joined(separator: " ")))" } ?? "_files"
        return ":\(value):\(action)"
    }
}

extension String {
    /// Returns this text with `mark` before every character of `characters`.
    func escaping(_ characters: String, by mark: String) -> String {
        map { characters.contains($0) ? mark + String($0) : String($0) }.joined()
    }
}
