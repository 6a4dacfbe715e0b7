import Images

extension Figure {
    /// Draws the figure; a panel is `panelWidth` by `panelHeight` pixels before `scale` multiplies every length.
    package func render(panelWidth: Double = 480, panelHeight: Double = 360, scale: Double = 2) -> Image {
        let style = PlotStyle(scale: scale)
        let columns = min(columns, max(panels.count, 1))
        let rows = (max(panels.count, 1) + columns - 1) / columns
        let heading = title.isEmpty ? 0 : 2.2 * style.titleSize
        let (width, height) = (panelWidth * scale, panelHeight * scale)
        var canvas = Canvas(
            width: Int((Double(columns) * width).rounded()), height: Int((Double(rows) * height + heading).rounded()))
        if !title.isEmpty {
            let middle = Point(canvas.bounds.width / 2, heading * 0.72)
            style.write(title, on: &canvas, at: middle, size: style.titleSize * 1.15, anchor: .middle, isBold: true)
        }
        for (index, panel) in panels.enumerated() {
            let (row, column) = index.quotientAndRemainder(dividingBy: columns)
            let (left, top) = (Double(column) * width, heading + Double(row) * height)
            let frame = Box(left: left, top: top, right: left + width, bottom: top + height)
            PanelRenderer(panel: panel, frame: frame, style: style).draw(on: &canvas)
        }
        return canvas.image
    }
}

/// Lengths and colours of a figure.
package struct PlotStyle: Sendable {
    package let scale: Double

    package init(scale: Double) { self.scale = scale }

    package var titleSize: Double { 17 * scale }
    package var labelSize: Double { 15 * scale }
    package var tickSize: Double { 13.5 * scale }
    package var hairline: Double { scale }

    package let ink = Colour(0x222B36)
    package let softInk = Colour(0x5B6673)
    package let grid = Colour(0xE6E9ED)
    package let paper = Colour(0xFFFFFF)

    /// The emphasised series have the first colours, the others the following (Okabe and Ito's palette, which readers
    /// with any colour vision can tell apart; the yellow darkened for paper).
    private static let strong = [Colour(0xD1450B), Colour(0x0B5FA5), Colour(0x00805F)]
    private static let plain = [
        Colour(0x0072B2), Colour(0x009E73), Colour(0xB8860B), Colour(0xCC79A7), Colour(0x56B4E9), Colour(0x7A5195),
        Colour(0x8A8F98), Colour(0x3F7F3F),
    ]

    package func colours(for series: [Series]) -> [Colour] {
        var (emphasised, others) = (0, 0)
        return series.map { one in
            defer { if one.isEmphasised { emphasised += 1 } else { others += 1 } }
            return one.isEmphasised
                ? PlotStyle.strong[emphasised % PlotStyle.strong.count]
                : PlotStyle.plain[others % PlotStyle.plain.count]
        }
    }

    package enum Anchor { case start, middle, end }

    /// Writes `text` with its baseline through `point`.
    package func write(
        _ text: String, on canvas: inout Canvas, at point: Point, size: Double, anchor: Anchor = .start,
        isBold: Bool = false, upwards: Bool = false, colour: Colour? = nil
    ) {
        let width = StrokeFont.width(of: text, size: size)
        let back =
            switch anchor {
            case .start: 0.0
            case .middle: width / 2
            case .end: width
            }
        let origin = upwards ? Point(point.x, point.y + back) : Point(point.x - back, point.y)
        canvas.stroke(
            StrokeFont.strokes(text, at: origin, size: size, upwards: upwards), width: size * (isBold ? 0.115 : 0.082),
            colour ?? ink)
    }
}
