/// Line plots beside each other. `render` draws them as one RGB picture.
package struct Figure: Sendable {
    /// The title; empty for none.
    package var title: String
    package var panels: [Panel]
    /// The number of panels in one row.
    package var columns: Int

    package init(title: String = "", panels: [Panel], columns: Int? = nil) {
        self.title = title
        self.panels = panels
        self.columns = max(1, columns ?? panels.count)
    }
}

/// One pair of axes with its series and a legend of their names.
package struct Panel: Sendable {
    package var title: String
    package var horizontal: String
    package var vertical: String
    package var horizontalScale: AxisScale
    package var verticalScale: AxisScale
    package var series: [Series]

    package init(
        title: String = "", horizontal: String, vertical: String, horizontalScale: AxisScale = .linear,
        verticalScale: AxisScale = .linear, series: [Series]
    ) {
        self.title = title
        self.horizontal = horizontal
        self.vertical = vertical
        self.horizontalScale = horizontalScale
        self.verticalScale = verticalScale
        self.series = series
    }
}

/// Points that are joined in their order. The line is interrupted where an axis cannot show a value: NaN, infinity, or
/// on a logarithmic axis a value that is not positive.
package struct Series: Sendable {
    package enum Style: Sendable {
        case line
        case lineAndDots
        case dashed
    }

    /// The name in the legend; empty for none.
    package var name: String
    package var points: [Point]
    package var style: Style
    /// Whether the series is drawn thicker and above the others.
    package var isEmphasized: Bool

    /// Makes a series of `points`, which are in the axes' own values.
    package init(_ name: String, _ points: [Point], style: Style = .line, isEmphasized: Bool = false) {
        self.name = name
        self.points = points
        self.style = style
        self.isEmphasized = isEmphasized
    }

    /// Makes a series of `values` over 0, 1, 2, ...
    package init(_ name: String, values: [Double], style: Style = .line, isEmphasized: Bool = false) {
        self.init(
            name, values.enumerated().map { Point(Double($0.offset), $0.element) }, style: style,
            isEmphasized: isEmphasized)
    }
}
