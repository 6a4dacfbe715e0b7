import Commands
import Diagnostics
import Formats
import Images
import Options
import Plots

/// The page of HTML that a program writes for people: one file that needs no other.
package struct ReportPage: Sendable {
    /// Returns the option that asks for a page. `contents` says what it shows.
    package static func option(_ contents: String) -> Option {
        .value("report", "FILE", "write a page of HTML: \(contents)").withoutEffectOnNumbers()
    }

    private let file: String
    private let program: String
    private let command: String

    /// The options of programs that name another file to be written.
    private static let otherFiles = ["plot", "statistics"]

    /// Returns nil if no page is asked for. Throws `cannotCreate` if the file cannot be had, `usage` if another option names
    /// it too.
    package init?(_ arguments: Arguments) throws {
        guard let file = arguments.stringIfGiven("report") else { return nil }
        for name in Self.otherFiles where arguments.isGiven(name) {
            guard try !Publishing.isOneFile(arguments.string(name), file) else {
                throw Failure(.usage, place: "--\(name)", "names the file of --report")
            }
        }
        try Publishing.check(file)
        self.file = file
        program = arguments.command.name
        command = arguments.commandLine
    }

    /// Writes the page: the elements `sections` under the program's name, its version and the command.
    package func publish(_ sections: [String]) throws {
        let head = [
            HTML.element("h1", program), HTML.element("pre", command), HTML.element("p", "\(program) \(version)"),
        ]
        try Publishing.publish(file, bytes: Array(HTML.page(title: program, body: head + sections).utf8))
    }
}

extension Figure {
    /// Returns the elements of a page that show the panels, side by side as far as there is room. `texts` say what they show.
    func gallery(_ texts: [String]) throws -> String {
        HTML.gallery(
            try zip(panels, texts).map { (try PNG.encode(Figure(panels: [$0]).render()), $1) })
    }
}
