extension JSONValue {
    /// The document as text in one line. Not-a-number and the infinities, for which JSON has no words, become null.
    package var text: String {
        var output = ""
        write(to: &output, indentation: nil)
        return output
    }

    /// The document over several lines, indented by two spaces. Arrays of plain values stay on one line.
    package var indentedText: String {
        var output = ""
        write(to: &output, indentation: 0)
        return output + "\n"
    }

    private func write(to output: inout String, indentation: Int?) {
        switch self {
        case .null: output += "null"
        case .boolean(let flag): output += flag ? "true" : "false"
        case .integer(let value): output += String(value)
        case .number(let value): output += value.isFinite ? value.description : "null"
        case .string(let text): Self.write(text, to: &output)
        case .array(let elements):
            let isSpread = indentation != nil && elements.contains { $0.isCompound }
            let depth = isSpread ? indentation : nil
            let separator = indentation == nil || isSpread ? "," : ", "
            Self.write(elements, between: ("[", "]"), to: &output, depth: depth, separator: separator) {
                $0.write(to: &$1, indentation: depth.map { $0 + 1 })
            }
        case .object(let members):
            Self.write(members, between: ("{", "}"), to: &output, depth: indentation, separator: ",") {
                Self.write($0.name, to: &$1)
                $1 += indentation == nil ? ":" : ": "
                $0.value.write(to: &$1, indentation: indentation.map { $0 + 1 })
            }
        }
    }

    private var isCompound: Bool {
        switch self {
        case .array, .object: true
        default: false
        }
    }

    /// Writes `items` between brackets: on one line if `depth` is nil, else each on its own line, indented one step
    /// further than `depth`.
    private static func write<Item>(
        _ items: [Item], between: (String, String), to output: inout String, depth: Int?, separator: String,
        item: (Item, inout String) -> Void
    ) {
        func newLine(_ depth: Int) { output += "\n" + String(repeating: "  ", count: depth) }
        output += between.0
        for (index, element) in items.enumerated() {
            if index > 0 { output += separator }
            if let depth { newLine(depth + 1) }
            item(element, &output)
        }
        if let depth, !items.isEmpty { newLine(depth) }
        output += between.1
    }

    private static func write(_ text: String, to output: inout String) {
        output += "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": output += "\\\""
            case "\\": output += "\\\\"
            case "\n": output += "\\n"
            case "\r": output += "\\r"
            case "\t": output += "\\t"
            case "\u{0}"..<" ":
                let digits = String(scalar.value, radix: 16)
                output += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: output.unicodeScalars.append(scalar)
            }
        }
        output += "\""
    }
}
