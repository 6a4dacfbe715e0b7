// The names of the series, where no line is.

extension PanelRenderer {
    /// The series that have a name.
    private var named: [Int] { panel.series.indices.filter { !panel.series[$0].name.isEmpty } }
    private var row: Double { style.tickSize * 1.35 }
    private var sample: Double { 26 * style.scale }

    /// The size of the legend; nil if the only name is the axis' own.
    var legendSize: (width: Double, height: Double)? {
        guard named.count > 1 || named.contains(where: { panel.series[$0].name != panel.vertical }) else { return nil }
        let names = named.map { StrokeFont.width(of: panel.series[$0].name, size: style.tickSize) }
        return (
            (names.max() ?? 0) + sample + 26 * style.scale, Double(named.count) * row + 10 * style.scale
        )
    }

    /// Returns the box of this size in the plot that no line touches and that is nearest to a corner; nil if there is none.
    func freePlace(width: Double, height: Double) -> Box? {
        let room = plot.inset(by: 4 * style.scale)
        let (columns, rows) = (Int((room.width - width) / step), Int((room.height - height) / step))
        guard columns >= 0, rows >= 0, room.width >= width, room.height >= height else { return nil }
        let lines = drawn
        // From the right to the left, then from the top down: the upper right corner is looked at first.
        let places = (0...rows).flatMap { row in (0...columns).map { (row: row, column: $0) } }.sorted {
            distance($0, rows, columns) < distance($1, rows, columns)
        }
        for (row, column) in places {
            let (x, y) = (room.right - width - Double(column) * step, room.top + Double(row) * step)
            let box = Box(left: x, top: y, right: x + width, bottom: y + height)
            let near = box.inset(by: -5 * style.scale)
            if !lines.contains(where: { $0.x > near.left && $0.x < near.right && $0.y > near.top && $0.y < near.bottom }
            ) {
                return box
            }
        }
        return nil
    }

    private var step: Double { 12 * style.scale }

    /// The number of steps to the nearest corner; of equally near ones, the right and then the upper one is less.
    private func distance(_ place: (row: Int, column: Int), _ rows: Int, _ columns: Int) -> (Int, Int, Int) {
        (min(place.row, rows - place.row) + min(place.column, columns - place.column), place.row, place.column)
    }

    /// Points on all lines, near each other.
    private var drawn: [Point] {
        panel.series.flatMap { series in
            let points = series.points.compactMap(place)
            return points
                + zip(points, points.dropFirst()).flatMap { start, end in
                    let (dx, dy) = (end.x - start.x, end.y - start.y)
                    let parts = max(1, Int((max(abs(dx), abs(dy)) / (4 * style.scale)).rounded(.up)))
                    return (1...parts).map { part in
                        let share = Double(part) / Double(parts)
                        return Point(start.x + share * dx, start.y + share * dy)
                    }
                }
        }
    }

    func drawLegend(on canvas: inout Canvas) {
        guard let box = legend else { return }
        let scale = style.scale
        canvas.fill(box, style.paper, opacity: 0.88)
        for (line, index) in named.enumerated() {
            let y = box.top + 5 * scale + (Double(line) + 0.5) * row
            let (start, end) = (Point(box.left + 8 * scale, y), Point(box.left + 8 * scale + sample, y))
            let width = (panel.series[index].isEmphasized ? 2.6 : 1.6) * scale
            let lines = panel.series[index].style == .dashed ? dashes([start, end], width: width) : [[start, end]]
            canvas.stroke(lines, width: width, colours[index])
            if panel.series[index].style == .lineAndDots {
                drawDot(Point((start.x + end.x) / 2, y), index, on: &canvas)
            }
            let baseline = Point(end.x + 8 * scale, y + StrokeFont.capHeight(size: style.tickSize) / 2)
            style.write(
                panel.series[index].name, on: &canvas, at: baseline, size: style.tickSize,
                isBold: panel.series[index].isEmphasized)
        }
    }
}
