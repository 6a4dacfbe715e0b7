import Foundation
import TestSupport
import Testing

/// The Markdown pages: their links lead somewhere, and their lines fit.
@Suite struct PageTests {
    private static let pages: [String] = {
        let files = FileManager.default.enumerator(atPath: Fixtures.root)?.compactMap { $0 as? String } ?? []
        return files.filter { path in
            path.hasSuffix(".md") && !["shared", "."].contains { path.hasPrefix($0) }
                && (!path.contains("/") || path.hasPrefix("docs/") || path.hasPrefix("Sources/"))
        }.sorted()
    }()

    @Test func thereArePages() { #expect(Self.pages.count > 30) }

    @Test(arguments: pages) func linksLeadSomewhere(page: String) throws {
        let folder = (page as NSString).deletingLastPathComponent
        for link in try links(of: page) where !link.hasPrefix("https://") {
            let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let target = parts[0].isEmpty ? page : "\(folder)/\(parts[0])"
            #expect(FileManager.default.fileExists(atPath: "\(Fixtures.root)/\(target)"), "\(page): \(link)")
            if parts.count == 2 { #expect(try anchors(of: target).contains(parts[1]), "\(page): \(link)") }
        }
    }

    /// Rows of tables cannot be broken, and formulas need not.
    @Test(arguments: pages) func linesFit(page: String) throws {
        var isFormula = false
        for (number, line) in try lines(of: page).enumerated() where !line.hasPrefix("|") {
            if line.hasPrefix("```") { isFormula = line == "```math" }
            #expect(line.count <= 120 || isFormula, "\(page): line \(number + 1)")
        }
    }

    /// A page that a comment, a script or a message names exists, with the heading if one is named on the same line.
    @Test func namedPagesExist() throws {
        let folders = ["Sources", "scripts", "examples", "Tests", "docs"]
        let pattern = try Regex("(docs/[A-Za-z0-9/_-]+\\.md)(?:, \"([^\"]+)\")?")
        var named = 0
        for folder in folders {
            for case let path as String in FileManager.default.enumerator(atPath: "\(Fixtures.root)/\(folder)")
                ?? .init()
            {
                guard !path.hasPrefix("Fixtures"),
                    let text = try? String(contentsOfFile: "\(Fixtures.root)/\(folder)/\(path)", encoding: .utf8)
                else { continue }
                for match in text.matches(of: pattern) {
                    named += 1
                    let target = String(match.output[1].substring ?? "")
                    #expect(
                        FileManager.default.fileExists(atPath: "\(Fixtures.root)/\(target)"),
                        "\(folder)/\(path): \(target)")
                    guard let heading = match.output[2].substring, !heading.contains("\n") else { continue }
                    #expect(
                        try anchors(of: target).contains(anchor(heading)), "\(folder)/\(path): \(target), \(heading)")
                }
            }
        }
        #expect(named > 50)
    }

    /// Spelling is that of Oxford: -ize, and names with their accents.
    @Test func spellingIsOne() throws {
        let stems =
            "ptim|ormal|mphas|uant|aterial|nitial|ecogn|inim|axim|eneral|pecial|iscret|arameter|ummar|tandard|olor"
        let pattern = try NSRegularExpression(
            pattern: "(\(stems))is(e|ed|es|er|ers|ing|ation)(?![a-z])|\\bFrechet\\b|Kynkaanniemi")
        var checked = 0
        for folder in [
            "Sources", "scripts", "examples", "Tests", "docs", "README.md", "CONTRIBUTING.md", "Package.swift",
        ] {
            let root = "\(Fixtures.root)/\(folder)"
            let files = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
            for file in files.isEmpty ? [root] : files.map({ "\(root)/\($0)" })
            where !file.contains("/Fixtures/") && !file.hasSuffix("PageTests.swift") {
                guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { continue }
                checked += 1
                let range = NSRange(text.startIndex..., in: text)
                for match in pattern.matches(in: text, range: range) {
                    Issue.record("\(file): \((text as NSString).substring(with: match.range))")
                }
            }
        }
        #expect(checked > 500)
    }

    private func lines(of page: String) throws -> [Substring] {
        try String(contentsOfFile: "\(Fixtures.root)/\(page)", encoding: .utf8)
            .split(separator: "\n", omittingEmptySubsequences: false)
    }

    /// Returns the lines of a page that are no code.
    private func prose(of page: String) throws -> [Substring] {
        var isFenced = false
        return try lines(of: page).filter { line in
            if line.hasPrefix("```") { isFenced.toggle() }
            return !isFenced && !line.hasPrefix("```") && !line.hasPrefix("    ")
        }
    }

    private func links(of page: String) throws -> [String] {
        let text = try prose(of: page).joined(separator: "\n").replacing(try Regex("`[^`\n]*`"), with: "")
        return text.matches(of: try Regex("\\]\\(([^)]+)\\)")).map { String($0.output[1].substring ?? "") }
    }

    /// Returns the anchors that GitHub makes of the headings of a page.
    private func anchors(of page: String) throws -> Set<String> {
        Set(try prose(of: page).filter { $0.hasPrefix("#") }.map { anchor($0.drop { $0 == "#" }) })
    }

    private func anchor(_ heading: some StringProtocol) -> String {
        String(
            heading.trimmingCharacters(in: .whitespaces).lowercased()
                .compactMap { $0 == " " ? "-" : $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" ? $0 : nil })
    }
}
