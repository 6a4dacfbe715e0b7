/// Draws one panel of a figure into its frame.
package struct PanelRenderer {
    let panel: Panel
    let style: PlotStyle
    private let frame: Box
    /// The box in which the lines are.
    package private(set) var plot: Box
    /// The place of the names of the series; nil if they need not be told.
    package private(set) var legend: Box?
    private let horizontal: Axis
    private let vertical: Axis
    let colours: [Colour]

    package init(panel: Panel, frame: Box, style: PlotStyle) {
        self.panel = panel
        self.style = style
        self.frame = frame
        horizontal = Axis(panel.series.lazy.flatMap { $0.points.map(\.x) }, scale: panel.horizontalScale, about: 6)
        vertical = Axis(panel.series.lazy.flatMap { $0.points.map(\.y) }, scale: panel.verticalScale, about: 5)
        colours = style.colours(for: panel.series)
        let scale = style.scale
        let numbers = vertical.ticks.map { StrokeFont.width(of: $0.label, size: style.tickSize) }.max() ?? 0
        plot = Box(
            left: frame.left + numbers + style.labelSize * 1.4 + 22 * scale,
            top: frame.top + (panel.title.isEmpty ? 16 * scale : style.titleSize * 2.1),
            right: frame.right - 20 * scale,
            bottom: frame.bottom - style.tickSize - style.labelSize * 1.3 - 16 * scale)
        guard let size = legendSize else { return }
        legend = freePlace(width: size.width, height: size.height)
        guard legend == nil else { return }
        // If no place in the plot is free, the legend stands beside it, unless that leaves too little of the plot.
        let right = plot.right
        if size.width < plot.width / 2 { plot.right -= size.width }
        legend = Box(left: right - size.width, top: plot.top, right: right, bottom: plot.top + size.height)
    }

    func draw(on canvas: inout Canvas) {
        drawAxes(on: &canvas)
        for index in panel.series.indices where !panel.series[index].isEmphasized { drawSeries(index, on: &canvas) }
        for index in panel.series.indices where panel.series[index].isEmphasized { drawSeries(index, on: &canvas) }
        drawLegend(on: &canvas)
    }

    func place(_ point: Point) -> Point? {
        guard let x = horizontal.fraction(point.x), let y = vertical.fraction(point.y) else { return nil }
        return Point(plot.left + x * plot.width, plot.bottom - y * plot.height)
    }
}

// MARK: - Axes

extension PanelRenderer {
    private func drawAxes(on canvas: inout Canvas) {
        let scale = style.scale
        let capital = StrokeFont.capHeight(size: style.tickSize)
        for tick in vertical.ticks {
            let y = plot.bottom - vertical.fraction(tick) * plot.height
            rule(Point(plot.left, y), Point(plot.right, y), style.grid, on: &canvas)
            let start = Point(plot.left - 8 * scale, y + capital / 2)
            style.write(tick.label, on: &canvas, at: start, size: style.tickSize, anchor: .end, colour: style.softInk)
        }
        for tick in horizontal.ticks {
            let x = plot.left + horizontal.fraction(tick) * plot.width
            rule(Point(x, plot.bottom), Point(x, plot.bottom + 4 * scale), style.softInk, on: &canvas)
            let middle = Point(x, plot.bottom + 9 * scale + capital)
            style.write(
                tick.label, on: &canvas, at: middle, size: style.tickSize, anchor: .middle, colour: style.softInk)
        }
        rule(Point(plot.left, plot.bottom), Point(plot.right, plot.bottom), style.softInk, on: &canvas)
        drawNames(on: &canvas)
    }

    private func drawNames(on canvas: inout Canvas) {
        let (x, y) = ((plot.left + plot.right) / 2, (plot.top + plot.bottom) / 2)
        let below = Point(x, frame.bottom - 0.45 * style.labelSize)
        style.write(panel.horizontal, on: &canvas, at: below, size: style.labelSize, anchor: .middle)
        let beside = Point(frame.left + 1.3 * style.labelSize, y)
        style.write(panel.vertical, on: &canvas, at: beside, size: style.labelSize, anchor: .middle, upwards: true)
        let above = Point(x, plot.top - 0.6 * style.titleSize)
        style.write(panel.title, on: &canvas, at: above, size: style.titleSize, anchor: .middle, isBold: true)
    }

    /// Draws a hairline on whole pixels.
    private func rule(_ start: Point, _ end: Point, _ colour: Colour, on canvas: inout Canvas) {
        let half = style.hairline / 2
        canvas.fill(Box(left: start.x - half, top: start.y - half, right: end.x + half, bottom: end.y + half), colour)
    }
}

// MARK: - Series

extension PanelRenderer {
    private func drawSeries(_ index: Int, on canvas: inout Canvas) {
        let series = panel.series[index]
        let width = (series.isEmphasized ? 2.6 : 1.6) * style.scale
        let clip = plot.inset(by: -6 * style.scale)
        let runs = series.points.split(whereSeparator: { place($0) == nil }).map { $0.compactMap(place) }
        let lines = series.style == .dashed ? runs.flatMap { dashes($0, width: width) } : runs
        canvas.stroke(lines, width: width, colours[index], clip: clip)
        guard series.style == .lineAndDots else { return }
        for point in runs.joined() { drawDot(point, index, on: &canvas, clip: clip) }
    }

    func drawDot(_ point: Point, _ index: Int, on canvas: inout Canvas, clip: Box? = nil) {
        let diameter = (panel.series[index].isEmphasized ? 8 : 6) * style.scale
        canvas.dot(point, diameter: diameter + 2 * style.scale, style.paper, clip: clip)
        canvas.dot(point, diameter: diameter, colours[index], clip: clip)
    }

    /// Returns the pieces of a polyline that are drawn if it is dashed.
    func dashes(_ line: [Point], width: Double) -> [[Point]] {
        let (drawn, gap) = (4 * width, 3.2 * width)
        var result: [[Point]] = []
        var position = 0.0
        for (start, end) in zip(line, line.dropFirst()) {
            let length = ((end.x - start.x) * (end.x - start.x) + (end.y - start.y) * (end.y - start.y)).squareRoot()
            guard length > 0 else { continue }
            func point(_ at: Double) -> Point {
                Point(start.x + (end.x - start.x) * at / length, start.y + (end.y - start.y) * at / length)
            }
            var dash = (position / (drawn + gap)).rounded(.down) * (drawn + gap)
            while dash < position + length {
                let (from, to) = (max(dash, position), min(dash + drawn, position + length))
                if from < to { result.append([point(from - position), point(to - position)]) }
                dash += drawn + gap
            }
            position += length
        }
        return result
    }
}
