import Images

/// A point of the canvas in pixels from the upper left corner. Pixel (0, 0) covers [0, 1) x [0, 1).
package struct Point: Sendable, Equatable {
    package var x: Double
    package var y: Double

    package init(_ x: Double, _ y: Double) {
        self.x = x
        self.y = y
    }
}

/// A box of the canvas, in pixels, with sides parallel to the axes.
package struct Box: Sendable, Equatable {
    package var left: Double
    package var top: Double
    package var right: Double
    package var bottom: Double

    package init(left: Double, top: Double, right: Double, bottom: Double) {
        self.left = left
        self.top = top
        self.right = right
        self.bottom = bottom
    }

    package var width: Double { right - left }
    package var height: Double { bottom - top }

    package func inset(by margin: Double) -> Box {
        Box(left: left + margin, top: top + margin, right: right - margin, bottom: bottom - margin)
    }
}

/// An sRGB colour.
package struct Colour: Sendable, Equatable {
    package let red: UInt8
    package let green: UInt8
    package let blue: UInt8

    /// Makes the colour `0xRRGGBB`.
    package init(_ hex: UInt32) {
        red = UInt8(truncatingIfNeeded: hex >> 16)
        green = UInt8(truncatingIfNeeded: hex >> 8)
        blue = UInt8(truncatingIfNeeded: hex)
    }

    fileprivate var channels: [Double] { [Double(red), Double(green), Double(blue)] }
}

/// An RGB picture that is drawn on with one primitive, the anti-aliased round stroke. Letters, lines and dots are made
/// of it.
package struct Canvas: Sendable {
    package private(set) var image: Image

    package init(width: Int, height: Int, background: Colour = Colour(0xFFFFFF)) {
        image = Image(width: width, height: height, channels: 3, level: 255)
        fill(Box(left: 0, top: 0, right: Double(width), bottom: Double(height)), background)
    }

    package var bounds: Box { Box(left: 0, top: 0, right: Double(image.width), bottom: Double(image.height)) }

    /// Draws polylines of `width` pixels with round ends and joints within `clip`. The colour is put down once where
    /// they overlap. A polyline of one point is a dot.
    package mutating func stroke(
        _ lines: [[Point]], width: Double, _ colour: Colour, opacity: Double = 1, clip: Box? = nil
    ) {
        let area = pixels(of: clip ?? bounds)
        let points = lines.joined()
        guard let first = points.first, !area.x.isEmpty, !area.y.isEmpty else { return }
        let reach = width / 2 + 1
        var (low, high) = (first, first)
        for point in points {
            low = Point(min(low.x, point.x), min(low.y, point.y))
            high = Point(max(high.x, point.x), max(high.y, point.y))
        }
        let columns = span(low.x - reach, high.x + reach).clamped(to: area.x)
        let rows = span(low.y - reach, high.y + reach).clamped(to: area.y)
        var coverage = [Float](repeating: 0, count: columns.count * rows.count)
        for line in lines {
            if line.count == 1 { cover(line[0], line[0], width, columns, rows, &coverage) }
            for (start, end) in zip(line, line.dropFirst()) { cover(start, end, width, columns, rows, &coverage) }
        }
        for y in rows {
            for x in columns {
                blend(
                    colour, Double(coverage[(y - rows.lowerBound) * columns.count + x - columns.lowerBound]) * opacity,
                    x, y)
            }
        }
    }

    package mutating func dot(_ centre: Point, diameter: Double, _ colour: Colour, clip: Box? = nil) {
        stroke([[centre]], width: diameter, colour, clip: clip)
    }

    /// Fills a box. Its edges are rounded to whole pixels.
    package mutating func fill(_ box: Box, _ colour: Colour, opacity: Double = 1) {
        let area = pixels(of: box)
        for y in area.y { for x in area.x { blend(colour, opacity, x, y) } }
    }

    /// Raises the coverage of the pixels near a segment. A pixel is half covered if the edge of the stroke runs through
    /// its centre.
    private func cover(
        _ start: Point, _ end: Point, _ width: Double, _ columns: Range<Int>, _ rows: Range<Int>,
        _ coverage: inout [Float]
    ) {
        let reach = width / 2 + 1
        let (dx, dy) = (end.x - start.x, end.y - start.y)
        let square = dx * dx + dy * dy
        let xs = span(min(start.x, end.x) - reach, max(start.x, end.x) + reach).clamped(to: columns)
        for y in span(min(start.y, end.y) - reach, max(start.y, end.y) + reach).clamped(to: rows) {
            for x in xs {
                let (px, py) = (Double(x) + 0.5 - start.x, Double(y) + 0.5 - start.y)
                let along = square > 0 ? min(max((px * dx + py * dy) / square, 0), 1) : 0
                let (ox, oy) = (px - along * dx, py - along * dy)
                let covered = Float(width / 2 + 0.5 - (ox * ox + oy * oy).squareRoot())
                let index = (y - rows.lowerBound) * columns.count + x - columns.lowerBound
                coverage[index] = max(coverage[index], min(covered, 1, Float(width)))
            }
        }
    }

    private mutating func blend(_ colour: Colour, _ opacity: Double, _ x: Int, _ y: Int) {
        guard opacity > 0 else { return }
        for (channel, value) in colour.channels.enumerated() {
            let below = Double(image.level(x: x, y: y, channel: channel))
            image.setLevel(UInt8((below + (value - below) * opacity).rounded()), x: x, y: y, channel: channel)
        }
    }

    /// Returns the columns and rows of the pixels whose centres lie in `box`.
    private func pixels(of box: Box) -> (x: Range<Int>, y: Range<Int>) {
        let columns = span(box.left.rounded(), box.right.rounded()).clamped(to: 0..<image.width)
        return (columns, span(box.top.rounded(), box.bottom.rounded()).clamped(to: 0..<image.height))
    }

    /// Returns the whole pixels from `low` to `high`. Values beyond any canvas are cut off first.
    private func span(_ low: Double, _ high: Double) -> Range<Int> {
        let limit = 1e6
        let first = Int(min(max(low, -limit), limit).rounded(.down))
        return first..<max(first, Int(min(max(high, -limit), limit).rounded(.up)))
    }
}
