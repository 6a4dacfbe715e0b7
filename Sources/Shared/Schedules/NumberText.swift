import Diagnostics
import Formats

/// A text that holds numbers, taken apart into words.
struct NumberText {
    enum Content {
        /// A JSON object.
        case object(JSONValue)
        /// The columns of a table whose first line names them, or lists each of which has a name. `kind` says what they are.
        case named(kind: String, [(name: String, cells: [String])])
        /// One list, or as many as stand in brackets of their own.
        case rows([[String]])
    }

    let content: Content

    /// Throws `.data` if the bytes are no UTF-8 text or hold a zero byte, if brackets do not match, or if commas look like
    /// decimal points.
    init(_ bytes: [UInt8]) throws {
        let text = try String(textFile: bytes)
        if text.first(where: { !$0.isWhitespace }) == "{" {
            content = .object(try JSONValue(parsing: text))
        } else if let table = try Self.table(text) {
            content = .named(kind: "column", table)
        } else if let lists = try Self.assignments(text) {
            content = .named(kind: "list", lists)
        } else {
            let rows = try Self.rows(text)
            try Self.requireDecimalPoints(text, rows)
            content = .rows(rows)
        }
    }

    // MARK: Words

    private static func isSpace(_ character: Character) -> Bool { character.isWhitespace || character == "\u{feff}" }

    private static func isSeparator(_ character: Character) -> Bool {
        isSpace(character) || character == "," || character == ";"
    }

    /// Returns the words of the text. Lists in brackets within a list, or beside another, are rows of their own. A dash
    /// before each line, as in YAML, is no word.
    private static func rows(_ text: String) throws -> [[String]] {
        let text = withoutDashes(text)
        var rows: [[String]] = [[]]
        var word = ""
        var depth = 0
        func finishWord() {
            if !word.isEmpty { rows[rows.count - 1].append(word) }
            word = ""
        }
        func finishRow() {
            finishWord()
            if !rows[rows.count - 1].isEmpty { rows.append([]) }
        }
        for character in text {
            if character == "[" || character == "]" {
                finishRow()
                depth += character == "[" ? 1 : -1
                guard depth >= 0 else { throw Failure(.data, "closes a bracket that was not opened") }
            } else if isSeparator(character) {
                finishWord()
            } else {
                word.append(character)
            }
        }
        finishRow()
        guard depth == 0 else { throw Failure(.data, "does not close a bracket", suggestion: "is the file whole?") }
        return rows.dropLast()
    }

    /// Returns the number that a word says. Throws `.data` if it says none, and names what is unusual in it.
    static func number(_ word: String) throws -> Double {
        let text = word.replacing("\u{2212}", with: "-")
        if text.allSatisfy({ "0123456789+-.eE".contains($0) }), let value = Double(text) {
            guard value.isFinite else { throw Failure(.data, "`\(word)` is out of range") }
            return value
        }
        let bare = text.drop { $0 == "+" || $0 == "-" }.lowercased()
        if ["inf", "infinity"].contains(bare) { return text.hasPrefix("-") ? -.infinity : .infinity }
        if bare == "nan" { return .nan }
        let shown = "`\(word.prefix(40))`"
        if let odd = text.unicodeScalars.first(where: { !$0.isASCII }) {
            throw Failure(.data, "\(shown), which holds U+\(hexadecimal(odd)), is not a number")
        }
        if isDecimalComma(word[...]) { throw commas(word) }
        if bare.hasPrefix("0x") { throw Failure(.data, "\(shown) is hexadecimal", suggestion: "write decimal numbers") }
        let plain = bare.replacing("d", with: "e")
        if Double(plain) != nil, bare.first?.isNumber == true {
            throw Failure(.data, "\(shown) is not a number", suggestion: "write \(plain)")
        }
        throw Failure(.data, "\(shown) is not a number")
    }

    private static func hexadecimal(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }

    // MARK: Decimal commas

    /// Throws `.data` if commas within the words stand for decimal points, so that each number would be read as two: all
    /// words between spaces and semicolons have one, or some have and the numbers are in no order.
    private static func requireDecimalPoints(_ text: String, _ rows: [[String]]) throws {
        let words = text.split { isSpace($0) || $0 == ";" || $0 == "[" || $0 == "]" }
            .map { $0.hasSuffix(",") ? $0.dropLast() : $0 }.filter { !$0.isEmpty }
        guard rows.count < 2, words.count > 1, let comma = words.first(where: isDecimalComma) else { return }
        let numbers = rows.flatMap { $0 }.compactMap { try? number($0) }
        let pairs = zip(numbers, numbers.dropFirst())
        guard words.allSatisfy(isDecimalComma) || !(pairs.allSatisfy(<) || pairs.allSatisfy(>)) else { return }
        throw commas(String(comma))
    }

    private static func isDecimalComma(_ word: Substring) -> Bool {
        let parts = word.split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count == 2, let last = parts.last?.first, last.isNumber, parts[0].last?.isNumber == true else {
            return false
        }
        return Double(parts.joined(separator: ".")) != nil
    }

    private static func commas(_ word: String) -> Failure {
        Failure(
            .data, "`\(word.prefix(40))` seems to have a decimal comma",
            suggestion: "write decimal points, and a space after each comma between numbers")
    }

    // MARK: Lists with names

    /// Returns the lists of a text that gives each a name, as Python or YAML does: `sigmas = [80, 20]`, `sigmas: [80, 20]`,
    /// or `sigmas:` and a line with a dash for each number. Returns nil if the text does not begin with a name. Throws `.data`
    /// if a name has several lists.
    private static func assignments(_ text: String) throws -> [(name: String, cells: [String])]? {
        var lists: [(name: String, text: String)] = []
        for line in text.split(whereSeparator: \.isNewline) where !line.allSatisfy(isSpace) {
            if let list = assignment(line) {
                lists.append(list)
            } else if lists.isEmpty {
                return nil
            } else {
                lists[lists.count - 1].text += "\n" + line
            }
        }
        guard !lists.isEmpty else { return nil }
        return try lists.map { name, text -> (name: String, cells: [String]) in
            let rows = try locating(name) { try Self.rows(text) }
            try requireDecimalPoints(text, rows)
            guard rows.count < 2 else {
                // A word between the brackets says more than their number does.
                try locating(name) { for word in rows.joined() { _ = try number(word) } }
                throw Failure(.data, place: name, "holds \(rows.count) lists, where one is due")
            }
            return (name, rows.first ?? [])
        }
    }

    private static func assignment(_ line: Substring) -> (name: String, text: String)? {
        guard let sign = line.firstIndex(where: { $0 == "=" || $0 == ":" }) else { return nil }
        let name = trimmed(line[..<sign]).filter { $0 != "\"" }
        guard name.first?.isLetter == true, name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" }) else {
            return nil
        }
        return (name, String(line[line.index(after: sign)...]))
    }

    /// Returns the text without the dashes if each of its lines begins with one and a space.
    private static func withoutDashes(_ text: String) -> String {
        let lines = text.split(whereSeparator: \.isNewline).map { $0.drop(while: isSpace) }.filter { !$0.isEmpty }
        return lines.allSatisfy { $0.hasPrefix("- ") } ? lines.map { $0.dropFirst(2) }.joined(separator: "\n") : text
    }

    // MARK: Tables

    /// Returns the columns of a text whose first line holds names and whose other lines hold as many cells, or nil if it is no
    /// such text. Throws `.data` if a line has another number of cells.
    private static func table(_ text: String) throws -> [(name: String, cells: [String])]? {
        let lines = text.split(whereSeparator: \.isNewline).filter { !$0.allSatisfy(isSpace) }
        guard let first = lines.first, lines.count > 1 else { return nil }
        let separator = [";", "\t", ","].first { first.contains($0) }.map(Character.init)
        func cells(_ line: Substring) -> [String] {
            let parts =
                separator.map { line.split(separator: $0, omittingEmptySubsequences: false) }
                ?? line.split(whereSeparator: isSpace)
            return parts.map(trimmed)
        }
        let names = cells(first.trimmingPrefix { $0 == "#" || isSpace($0) }).map { $0.filter { $0 != "\"" } }
        guard names.contains(where: { !$0.isEmpty }), names.allSatisfy(isName) else { return nil }
        let rows = try lines.dropFirst().enumerated().map { index, line in
            let row = cells(line)
            guard row.count == names.count else {
                throw Failure(
                    .data, "line \(index + 2) has \(counted(row.count, "cell")), the line of names \(names.count)")
            }
            return row
        }
        return names.enumerated().map { column, name in (name, rows.map { $0[column] }) }
    }

    private static func trimmed(_ text: Substring) -> String {
        guard let first = text.firstIndex(where: { !isSpace($0) }), let last = text.lastIndex(where: { !isSpace($0) })
        else { return "" }
        return String(text[first...last])
    }

    /// Returns whether a word may name a column. A column of row numbers has no name.
    private static func isName(_ word: String) -> Bool {
        guard let first = word.first else { return true }
        return first.isLetter && !["inf", "nan", "infinity"].contains(word.lowercased())
            && word.allSatisfy { $0.isLetter || $0.isNumber || "_-. ()/".contains($0) }
    }
}
