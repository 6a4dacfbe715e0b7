import Foundation
import TestSupport
import Testing

/// Every command of docs/tutorials prints what the page shows.
@Suite struct TutorialTests {
    private static let names =
        ((try? FileManager.default.contentsOfDirectory(atPath: "\(Fixtures.root)/docs/tutorials")) ?? [])
        .filter { $0.hasSuffix(".md") }.map { String($0.dropLast(3)) }.sorted()

    /// Returns the pages that need the Python modules `needs`.
    private static func pages(needing needs: String?) -> [String] {
        names.filter { (try? Tutorial($0))?.needs == needs }
    }

    @Test func everyPageIsTried() {
        #expect(Self.names.count >= 6)
        let tried = [nil, "numpy", "torch, numpy"].flatMap(Self.pages(needing:))
        #expect(tried.sorted() == Self.names)
    }

    @Test(arguments: pages(needing: nil)) func works(page: String) throws { try follow(page) }

    @Test(
        .enabled(if: Python.imports("numpy"), "python3 with numpy is not there ($PYTHON names another)"),
        arguments: pages(needing: "numpy"))
    func worksWithNumPy(page: String) throws { try follow(page) }

    @Test(
        .enabled(
            if: Python.imports("torch, numpy"), "python3 with torch and numpy is not there ($PYTHON names another)"),
        arguments: pages(needing: "torch, numpy"))
    func worksWithPyTorch(page: String) throws { try follow(page) }

    private func follow(_ page: String) throws {
        let tutorial = try Tutorial(page)
        #expect(!tutorial.actions.isEmpty)
        for difference in try tutorial.differences() { Issue.record("\(difference)") }
    }
}
