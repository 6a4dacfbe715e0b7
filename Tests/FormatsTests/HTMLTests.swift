import Formats
import Testing

@Suite struct HTMLTests {
    @Test func textIsEscaped() {
        #expect(HTML.element("p", "<b>&\"'") == "<p>&lt;b&gt;&amp;&quot;&#39;</p>\n")
        #expect(HTML.element("p", "<\u{338}") == "<p>&lt;\u{338}</p>\n")
        #expect(HTML.list(["1 < 2"]) == "<ul>\n<li>1 &lt; 2</li>\n</ul>\n")
        let table = "<table>\n<tr><th>a</th></tr>\n<tr><td>&lt;</td></tr>\n</table>"
        #expect(HTML.table([["a"], ["<"]]) == "<div class=\"wide\">\(table)</div>\n")
        #expect(HTML.definitions([("a", "<")]) == "<dl>\n<dt>a</dt>\n<dd>&lt;</dd>\n</dl>\n")
        #expect(HTML.picture(png: [], "\"") == "<img alt=\"&quot;\" src=\"data:image/png;base64,\">\n")
        #expect(HTML.page(title: "</title>", body: ["<p></p>\n"]).contains("<title>&lt;/title&gt;</title>"))
    }

    /// The vectors of RFC 4648, and all bits.
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
    func bytesInBase64(_ text: String, _ encoded: String) {
        #expect(HTML.base64(Array(text.utf8)) == encoded)
        #expect(HTML.base64([0, 16, 131, 16, 81, 135, 255, 255, 255]) == "ABCDEFGH////")
    }
}
