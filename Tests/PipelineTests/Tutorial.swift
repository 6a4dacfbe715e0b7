import Foundation
import TestSupport

/// A page of docs/tutorials, read as a list of what its reader does.
///
/// - A block that is fenced as `console` has commands, each behind "$ ", and below each what it prints on either output. A
///   command goes on in the next line after "|" or "\".
/// - In what is printed, `...` stands for any text, and on a line of its own for any number of lines.
/// - A block that is fenced as `python NAME` is the contents of the file NAME.
/// - A line `<!-- needs: MODULES -->` names the Python modules without which the page cannot be tried.
struct Tutorial {
    enum Action {
        case run(command: String, printed: [String])
        case write(file: String, lines: [String])
    }

    let name: String
    private(set) var actions: [Action] = []
    private(set) var needs: String?

    /// Reads the page docs/tutorials/`name`.md.
    init(_ name: String) throws {
        self.name = name
        let page = String(decoding: try Fixtures.contents(ofDocument: "docs/tutorials/\(name).md"), as: UTF8.self)
        var block: (language: Substring, file: String, lines: [String])?
        for line in page.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("<!-- needs: ") { needs = String(line.dropFirst(12).dropLast(4)) }
            if !line.hasPrefix("```") {
                block?.lines.append(String(line))
            } else if let ended = block {
                add(ended.language, ended.file, ended.lines)
                block = nil
            } else {
                let words = line.dropFirst(3).split(separator: " ")
                block = (words.first ?? "", words.dropFirst().first.map(String.init) ?? "", [])
            }
        }
    }

    private mutating func add(_ language: Substring, _ file: String, _ lines: [String]) {
        if !file.isEmpty { actions.append(.write(file: file, lines: lines)) }
        guard language == "console" else { return }
        var lines = lines[...]
        while let first = lines.popFirst() {
            var command = String(first.dropFirst(2))
            while command.hasSuffix("|") || command.hasSuffix("\\") { command += "\n\(lines.popFirst() ?? "")" }
            let printed = lines.prefix { !$0.hasPrefix("$ ") }
            lines = lines.dropFirst(printed.count)
            actions.append(.run(command: command, printed: Array(printed)))
        }
    }

    /// Runs all commands in one shell, in an empty folder that has links to the repository's scripts and examples. Returns a
    /// line for each command that fails or prints something else than the page says.
    func differences() throws -> [String] {
        let folder = try TemporaryFolder()
        return try withExtendedLifetime(folder) {
            var script = "cd '\(folder.path)' || exit\n"
            for linked in ["scripts", "examples", "Sources"] { script += "ln -s '\(Fixtures.root)/\(linked)' .\n" }
            // The pages call the Python of the tests `python3`. It is looked up before it has that name.
            script += """
                if python=$(command -v '\(Python.command)'); then
                    mkdir .bin && printf '#!/bin/sh\\nexec "%s" "$@"\\n' "$python" > .bin/python3
                    chmod +x .bin/python3 && PATH="$PWD/.bin:$PATH"
                fi

                """
            for (number, action) in actions.enumerated() {
                switch action {
                case .write(let file, let lines):
                    try folder.write((lines.joined(separator: "\n") + "\n").utf8, to: file)
                case .run(let command, _):
                    script += "{ \(command)\n} > .printed-\(number) 2>&1 < /dev/null; echo $? > .status-\(number)\n"
                }
            }
            let run = try Programs.shell(script, environment: ["LC_ALL": "C"], seconds: 900)
            return try (run.status == 0 ? [] : ["the script ends with \(run.status): \(run.errors)"])
                + actions.enumerated().compactMap { number, action in
                    guard case .run(let command, let expected) = action else { return nil }
                    func text(_ name: String) throws -> String {
                        try String(contentsOfFile: folder.file("\(name)-\(number)"), encoding: .utf8)
                    }
                    let (printed, status) = (try text(".printed"), try text(".status"))
                    if status == "0\n", Self.matches(printed, expected) { return nil }
                    return
                        "$ \(command)\nstatus \(status)expected:\n\(expected.joined(separator: "\n"))\nprinted:\n\(printed)"
                }
        }
    }

    private static func matches(_ printed: String, _ expected: [String]) -> Bool {
        let pattern = expected.map { line in
            if line == "..." { return "(?:.*\n)*" }
            let pieces = line.components(separatedBy: "...").map(NSRegularExpression.escapedPattern(for:))
            return pieces.joined(separator: ".*") + "\n"
        }
        return printed.range(of: "^\(pattern.joined())$", options: .regularExpression) == printed
            .startIndex..<printed.endIndex
    }
}
