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
        return "<div class=\"wide\"><table>\n" + lines.joined() + "</table></div>\n"
    }

    /// Returns a list of names, each with what it names.
    package static func definitions(_ items: [(name: String, text: String)]) -> String {
        "<dl>\n" + items.map { element("dt", $0.name) + element("dd", $0.text) }.joined() + "</dl>\n"
    }

    /// Returns a picture that is in the page itself.
    ///
    /// - Parameters:
    ///   - png: the bytes of a PNG file.
    ///   - text: says what the picture shows.
    package static func picture(png: [UInt8], _ text: String) -> String {
        "<img alt=\"\(escaped(text))\" src=\"data:image/png;base64,\(base64(png))\">\n"
    }

    /// Returns pictures side by side, as far as the window is wide enough, with their captions.
    package static func gallery(_ pictures: [(png: [UInt8], caption: String)]) -> String {
        let figures = pictures.map { png, caption in
            "<figure>\n" + picture(png: png, caption) + element("figcaption", caption) + "</figure>\n"
        }
        return "<div class=\"gallery\">\n" + figures.joined() + "</div>\n"
    }

    /// Returns a whole page of the elements in `body`.
    package static func page(title: String, body: [String]) -> String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width">
        <title>\(escaped(title))</title>
        <style>
        body { font: 16px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #1f2933; }
        table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
        th, td { text-align: right; padding: 0.2em 1em; border-bottom: 1px solid #d9dee3; }
        pre { background: #f2f4f6; padding: 0.8em; overflow-x: auto; white-space: pre-wrap; }
        img { max-width: 100%; }
        .wide { overflow-x: auto; }
        .gallery { display: flex; flex-wrap: wrap; gap: 1em; }
        figure { margin: 0; flex: 1 1 16em; max-width: 32em; }
        figcaption { font-size: 0.9em; }
        figure img { width: 100%; }
        dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1em; }
        dt { color: #52606d; }
        dd { margin: 0; overflow-wrap: anywhere; }
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
