import Images

/// The lengths and colours of a figure. `scale` multiplies all lengths.
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

    /// Emphasized series take the first colours, all others the second. The palette is Okabe and Ito's, which readers
    /// with any colour vision can tell apart, with a yellow that is darkened for white paper.
    private static let strong = [Colour(0xD1450B), Colour(0x0B5FA5), Colour(0x00805F)]
    private static let plain = [
        Colour(0x0072B2), Colour(0x009E73), Colour(0xB8860B), Colour(0xCC79A7), Colour(0x56B4E9), Colour(0x7A5195),
        Colour(0x8A8F98), Colour(0x3F7F3F),
    ]

    package func colours(for series: [Series]) -> [Colour] {
        var (emphasized, others) = (0, 0)
        return series.map { one in
            defer { if one.isEmphasized { emphasized += 1 } else { others += 1 } }
            return one.isEmphasized
                ? PlotStyle.strong[emphasized % PlotStyle.strong.count]
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
