import Diagnostics
import Images
import Plots
import Testing

/// Figures that are made of comma-separated tables.
@Suite struct FigureTableTests {
    @Test func tablesBecomePanels() throws {
        let text = "# iPNDM-3\r\nNFE, edm ,*LD3\r\n4,0.5,\r\n5, 1e-2,-3\r\n\r\n\n \nx,y\n1,2"
        let figure = try Figure(tables: text, verticalScale: .logarithmic)
        #expect(figure.panels.map(\.title) == ["iPNDM-3", ""])
        #expect(figure.panels.map(\.horizontal) == ["NFE", "x"])
        #expect(figure.columns == 2)
        let first = try #require(figure.panels.first)
        #expect(first.verticalScale == .logarithmic)
        #expect(first.series.map(\.name) == ["edm", "LD3"])
        #expect(first.series.map(\.isEmphasized) == [false, true])
        #expect(first.series[0].points == [Point(4, 0.5), Point(5, 0.01)])
        #expect(first.series[1].points[0].y.isNaN && first.series[1].points[1] == Point(5, -3))
        #expect(figure.panels[1].series[0].points == [Point(1, 2)])
    }

    @Test func atMostThreePanelsShareARow() throws {
        let text = (0..<7).map { "x,y\n1,\($0)\n" }.joined(separator: "\n")
        #expect(try Figure(tables: text).columns == 3)
    }

    @Test(arguments: [
        ("", "holds no table"), ("\n \n", "holds no table"), ("x\n1", "line 1: names no series"),
        ("x,y", "line 1: names without numbers"), ("x,y\n1,2\n3", "line 3: 1 cell under 2 names"),
        ("x,y\n1,2,3", "line 2: 3 cells"), ("x,y\n1,two", "line 2: `two` is not a number"),
        ("x,y\n1,nan", "line 2: `nan`"), ("x,y\n1,-1e308", "line 2: `-1e308`"), ("x,y\n1,inf", "line 2: `inf`"),
        ("x,y\n,2", "line 2: `` is not a number"),
        ("# only a title", "line 1: a title without a table"),
        ("x,y\n1,2\n# next\n3,4", "line 3: a title within a table"),
        (String(repeating: "x,y\n1,2\n\n", count: 37), "37 tables"),
    ])
    func badTablesAreRefused(_ text: String, _ words: String) throws {
        let failure = try #require(throws: Failure.self) { try Figure(tables: text) }
        #expect(failure.status == .data)
        #expect(failure.description.contains(words), "\(failure)")
    }
}
