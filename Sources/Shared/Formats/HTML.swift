/// Elements of a page of HTML. Every text is escaped; `page` makes a file that needs no other.
package enum HTML {
    /// Returns the text with what HTML would read as markup escaped, for contents and quoted attributes.
    package static func escaped(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { escaped, scalar in
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
    }

    package static func element(_ name: String, _ text: String) -> String { "<\(name)>\(escaped(text))</\(name)>\n" }

    package static func list(_ items: [String]) -> String {
        "<ul>\n" + items.map { element("li", $0) }.joined() + "</ul>\n"
    }

    /// Returns a table whose first row has the names of its columns.
    package static func table(_ rows: [[String]]) -> String {
        let lines = rows.enumerated().map { number, row in
            "<tr>" + row.map { element(number == 0 ? "th" : "td", $0).dropLast() }.joined() + "</tr>\n"
        }
        return "<table>\n" + lines.joined() + "</table>\n"
    }

    /// Returns a picture that is in the page itself.
    ///
    /// - Parameters:
    ///   - png: the bytes of a PNG file.
    ///   - text: says what the picture shows.
    package static func picture(png: [UInt8], _ text: String) -> String {
        "<img alt=\"\(escaped(text))\" src=\"data:image/png;base64,\(base64(png))\">\n"
    }

    /// Returns a whole page of the elements in `body`.
    package static func page(title: String, body: [String]) -> String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <title>\(escaped(title))</title>
        <style>
        body { font: 16px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #1f2933; }
        table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
        th, td { text-align: right; padding: 0.2em 1em; border-bottom: 1px solid #d9dee3; }
        pre { background: #f2f4f6; padding: 0.8em; overflow-x: auto; white-space: pre-wrap; }
        img { max-width: 100%; }
        </style>
        </head>
        <body>
        \(body.joined())</body>
        </html>

        """
    }

    /// Returns the bytes in base 64 (RFC 4648), with padding.
    package static func base64(_ bytes: [UInt8]) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for place in 0..<4 {
                text.append(place <= group.count ? digits[bits >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
