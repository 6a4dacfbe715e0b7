import Diagnostics

extension Figure {
    /// More panels than this are a mistake, and their picture would be huge.
    private static let largestPanelCount = 36

    /// Makes the figure of comma-separated tables that are separated by empty lines: one panel for each table, three in
    /// a row.
    ///
    /// A table is a line of names, then lines of numbers. The first column is the horizontal axis; every other column
    /// is a series under its name, with gaps at empty cells. A series whose name begins with `*` is emphasized. A line
    /// `# TITLE` before the names is the panel's title. Throws `.data`, naming the line.
    package init(tables text: String, verticalScale: AxisScale = .linear) throws {
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated().map {
            TableLine(number: $0.offset + 1, text: $0.element)
        }
        let tables = lines.split(whereSeparator: \.isBlank)
        guard !tables.isEmpty else { throw Failure(.data, "holds no table") }
        guard tables.count <= Self.largestPanelCount else {
            throw Failure(
                .data, "holds \(counted(tables.count, "table")); at most \(Self.largestPanelCount) can be drawn")
        }
        self.init(panels: try tables.map { try Panel(table: $0, verticalScale: verticalScale) })
        columns = min(panels.count, 3)
    }
}

extension Panel {
    /// - Parameter table: at least one line; no line is blank.
    fileprivate init(table: ArraySlice<TableLine>, verticalScale: AxisScale) throws {
        var table = table
        var title = ""
        if let first = table.first, let heading = first.heading {
            title = heading
            table.removeFirst()
            guard !table.isEmpty else { throw first.failure("a title without a table") }
        }
        let names = table.removeFirst()
        let cells = names.cells
        guard cells.count > 1 else { throw names.failure("names no series: a table needs two columns or more") }
        guard !table.isEmpty else { throw names.failure("names without numbers below them") }
        // A title further down means that the empty line before a second table is missing.
        if let stray = table.first(where: { $0.heading != nil }) {
            throw stray.failure("a title within a table", suggestion: "put an empty line before it")
        }
        let rows = try table.map { try $0.numbers(count: cells.count) }
        let series = cells.indices.dropFirst().map { column in
            let isEmphasized = cells[column].hasPrefix("*")
            return Series(
                isEmphasized ? String(cells[column].dropFirst()) : cells[column],
                rows.map { Point($0[0], $0[column]) }, style: .lineAndDots, isEmphasized: isEmphasized)
        }
        self.init(title: title, horizontal: cells[0], vertical: "", verticalScale: verticalScale, series: series)
    }
}

/// One line of a table, with its place in the text.
private struct TableLine {
    let number: Int
    let text: Substring

    var isBlank: Bool { text.allSatisfy(\.isWhitespace) }

    var heading: String? { text.hasPrefix("#") ? trimmed(text.dropFirst()) : nil }

    var cells: [String] { text.split(separator: ",", omittingEmptySubsequences: false).map(trimmed) }

    /// Returns the numbers of a row; an empty cell other than the first is not-a-number. Throws `.data` if there are
    /// not `count` cells, or if a cell is no number.
    func numbers(count: Int) throws -> [Double] {
        let cells = cells
        guard cells.count == count else {
            throw failure("\(counted(cells.count, "cell")) under \(counted(count, "name"))")
        }
        return try cells.enumerated().map { column, cell in
            if cell.isEmpty, column > 0 { return .nan }
            guard let value = Double(cell), abs(value) < 1e100 else {
                throw failure("`\(cell)` is not a number that can be drawn")
            }
            return value
        }
    }

    func failure(_ message: String, suggestion: String? = nil) -> Failure {
        Failure(.data, place: "line \(number)", message, suggestion: suggestion)
    }
}

private func trimmed(_ text: Substring) -> String {
    let start = text.drop(while: \.isWhitespace)
    return String(start[..<(start.lastIndex { !$0.isWhitespace }.map(start.index(after:)) ?? start.startIndex)])
}
