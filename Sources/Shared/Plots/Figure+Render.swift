import Images

extension Figure {
    /// Returns the picture of the figure. A panel has `panelWidth` by `panelHeight` pixels; `scale` multiplies every
    /// length.
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
