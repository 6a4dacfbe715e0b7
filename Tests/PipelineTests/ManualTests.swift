import Foundation
import TestSupport
import Testing

/// The manual pages and completions that `make install` installs.
struct ManualTests {
    private func manual() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let made = try Programs.shell("'\(Fixtures.root)/scripts/manual' '\(folder.path)'")
        try #require(made.status == 0, "\(made.errors)")
        return folder
    }

    @Test(.enabled(if: Programs.exists("groff"), "groff is not installed"))
    func groffPrintsEveryPageWithoutWarnings() throws {
        let folder = try manual()
        let printed = try Programs.shell(
            "cd '\(folder.path)/man' && for page in man*/*; do groff -ww -man -Tutf8 -P-cbou $page; done")
        #expect(printed.status == 0 && printed.errors == "", "\(printed.errors)")
        for name in ["ld3-noise", "ld3-teacher", "ld3-fit", "ld3-sample", "ld3-fid", "ld3-stream", "ld3 "] {
            #expect(printed.text.contains("\n       \(name)"))
        }
        #expect(printed.text.contains("EXIT STATUS") && printed.text.contains("The default method is LD3"))
    }

    /// The page names the keys and the tensors of samples that docs/STREAM.md defines.
    @Test func theStreamsPageHasEveryKey() throws {
        func text(_ path: String) throws -> String {
            String(decoding: try Fixtures.contents(ofDocument: path), as: UTF8.self)
        }
        let page = try text("docs/manual/ld3-stream.5")
        let lines = try text("docs/STREAM.md").split(separator: "\n").prefix { $0 != "## An example, byte by byte" }
        let rows = lines.filter { $0.hasPrefix("| ld3.") }
        let keys = rows.flatMap { $0.split(separator: "|")[0].split(separator: ",") }
            .map { $0.trimmingCharacters(in: .whitespaces) }
        try #require(keys.contains("ld3.format") && keys.contains("ld3.guidance") && keys.contains("ld3.loss_after"))
        let tensors = ["seed", "label", "noise", "target", "image", "latent", "prompt", "condition", "log_determinant"]
        for name in keys + tensors { #expect(page.contains(name), "\(name)") }
    }

    @Test func bashCompletesOptionsWordsAndFiles() throws {
        let folder = try manual()
        try folder.write([1], to: "a file")
        let script = """
            cd '\(folder.path)' && source completions/ld3-fit.bash
            complete_words() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ld3_fit; printf '%s;' "${COMPREPLY[@]}"; echo; }
            complete_words ld3-fit --lear
            complete_words ld3-fit --format j
            complete_words ld3-fit --start 'a '
            complete_words ld3-fit --train ''
            """
        try folder.write(Array(script.utf8), to: "script")
        let completed = try Programs.shell("bash '\(folder.file("script"))'")
        let expected = "--learn;--learning-rate;--learning-rate-floor;\njson;\na file;\n;\n"
        #expect(completed.text == expected, "\(completed.text)\(completed.errors)")
    }

    @Test(arguments: ["zsh", "fish"].filter(Programs.exists)) func otherShellsReadTheirCompletions(shell: String) throws
    {
        let folder = try manual()
        let read = try Programs.shell(
            "cd '\(folder.path)/completions' && for script in *.\(shell); do \(shell) -n $script; done")
        #expect(read.status == 0 && read.errors == "", "\(read.errors)")
    }
}
