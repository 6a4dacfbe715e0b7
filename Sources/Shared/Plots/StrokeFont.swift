import Tensors

/// A small typeface of single strokes for labels and legends. It needs no font file and is sharp at every size.
///
/// A glyph is written on a grid on which the baseline is 0, small letters are 10 high, and capitals and digits 14. Its
/// path is text: `M x y` begins a stroke, `L x y` draws to a point, `A cx cy rx ry from to` follows an ellipse between
/// two angles in degrees and is joined to the stroke so far, `O cx cy rx ry` is a whole ellipse, `. x y` is a dot.
package enum StrokeFont {
    /// Returns the width of `text` in pixels; `size` is the height of a line in pixels.
    package static func width(of text: String, size: Double) -> Double {
        let units = text.reduce(0.0) { $0 + glyph($1).advance }
        return max(units - spacing, 0) * size / lineHeight
    }

    /// Returns the height of capitals and digits in pixels.
    package static func capHeight(size: Double) -> Double { 14 * size / lineHeight }

    /// Returns the strokes of `text`, whose baseline begins at `origin`; `upwards` turns the text a quarter to the
    /// left.
    package static func strokes(_ text: String, at origin: Point, size: Double, upwards: Bool = false) -> [[Point]] {
        let scale = size / lineHeight
        var pen = 0.0
        var result: [[Point]] = []
        for character in text {
            let (advance, lines) = glyph(character)
            for line in lines {
                result.append(
                    line.map { point in
                        let (along, above) = ((pen + point.x) * scale, point.y * scale)
                        return upwards
                            ? Point(origin.x - above, origin.y - along) : Point(origin.x + along, origin.y - above)
                    })
            }
            pen += advance
        }
        return result
    }

    private static let lineHeight = 20.0
    private static let spacing = 3.4

    /// Returns the strokes of a glyph on its grid (y points upwards) and the distance to the next glyph. A character
    /// without a glyph is an empty box.
    private static func glyph(_ character: Character) -> (advance: Double, lines: [[Point]]) {
        let (width, path) = glyphs[character] ?? (8, "M 0 0 L 8 0 L 8 14 L 0 14 L 0 0")
        return (width + spacing, parse(path))
    }

    private static func parse(_ path: String) -> [[Point]] {
        var tokens = path.split(separator: " ")[...]
        var lines: [[Point]] = []
        func number() -> Double { tokens.popFirst().flatMap { Double($0) } ?? 0 }
        func extend(_ points: [Point]) {
            lines.isEmpty ? lines.append(points) : lines[lines.count - 1].append(contentsOf: points)
        }
        while let command = tokens.popFirst() {
            let (x, y) = (number(), number())
            switch command {
            case "M", ".": lines.append([Point(x, y)])
            case "L": extend([Point(x, y)])
            case "A": extend(arc(x, y, number(), number(), number(), number()))
            default: lines.append(arc(x, y, number(), number(), 0, 360))
            }
        }
        return lines
    }

    private static func arc(
        _ x: Double, _ y: Double, _ radiusX: Double, _ radiusY: Double, _ from: Double, _ to: Double
    ) -> [Point] {
        let pieces = max(2, Int(abs(to - from) / 10))
        return (0...pieces).map { piece in
            let angle = (from + (to - from) * Double(piece) / Double(pieces)) * .pi / 180
            return Point(x + radiusX * Double.cos(angle), y + radiusY * Double.cos(angle - .pi / 2))
        }
    }
}
