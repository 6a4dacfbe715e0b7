import Images
import Plots
import Testing

@Suite struct FigureTests {
    private let red = Colour(0xFF0000)

    @Test func aStrokeCoversWhatItShould() {
        var canvas = Canvas(width: 20, height: 20)
        canvas.stroke([[Point(4, 10), Point(16, 10)]], width: 4, red)
        let inside = canvas.image.level(x: 10, y: 10, channel: 1)
        #expect(inside == 0)
        #expect(canvas.image.level(x: 10, y: 14, channel: 1) == 255)
        // The ink along one column is as much as the width of the stroke.
        let ink = (0..<20).reduce(0.0) { $0 + 1 - Double(canvas.image.level(x: 10, y: $1, channel: 1)) / 255 }
        #expect(abs(ink - 4) < 0.05)
    }

    @Test func strokesOffTheCanvasAreCut() {
        var canvas = Canvas(width: 8, height: 8)
        canvas.stroke([[Point(-1e9, 4), Point(1e9, 4)], [Point(-5, -5)]], width: 2, red)
        #expect(canvas.image.level(x: 3, y: 4, channel: 1) == 0)
        #expect(canvas.image.level(x: 3, y: 0, channel: 1) == 255)
    }

    @Test func everyPrintableCharacterHasAGlyphWithinItsWidth() {
        let used = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;!?-+=/()[]<>%_*'\"^~#|"
        for character in used {
            let strokes = StrokeFont.strokes(String(character), at: Point(0, 0), size: 20)
            let width = StrokeFont.width(of: String(character), size: 20)
            #expect(!strokes.isEmpty, "\(character)")
            for point in strokes.joined() {
                #expect(point.x >= -1.5 && point.x <= width + 1.5, "\(character) \(point.x) \(width)")
                #expect(point.y >= -17 && point.y <= 5, "\(character)")
            }
        }
        #expect(StrokeFont.glyphs.count > 90)
    }

    @Test func linearAxesHaveRoundNumbers() {
        let axis = Axis([0, 5], scale: .linear, about: 6)
        #expect(axis.ticks.map(\.label) == ["0", "1", "2", "3", "4", "5"])
        #expect(Axis([4, 5, 6], scale: .linear, about: 6).ticks.map(\.label) == ["4", "5", "6"])
        #expect(Axis([0, 8], scale: .linear, about: 5).ticks.map(\.label) == ["0", "2", "4", "6", "8"])
        #expect(
            Axis([-10.0, 12], scale: .linear, about: 5).ticks.map(\.label) == [
                "\u{2212}10", "\u{2212}5", "0", "5", "10",
            ])
        #expect(
            Axis([0.01, 0.02], scale: .linear, about: 4).ticks.map(\.label) == [
                "0.010", "0.015", "0.020",
            ])
    }

    @Test func logarithmicAxesHavePowers() {
        let axis = Axis([0.001, 10, -3, .nan], scale: .logarithmic, about: 5)
        #expect(axis.ticks.map(\.label) == ["0.001", "0.01", "0.1", "1", "10"])
        #expect(axis.fraction(-1) == nil)
        let middle = axis.fraction(0.1)
        #expect(middle.map { abs($0 - 0.5) < 1e-12 } == true)
    }

    @Test func axesOfOneValueOrNone() {
        #expect(Axis([3], scale: .linear, about: 5).ticks.count > 1)
        #expect(Axis([], scale: .logarithmic, about: 5).ticks.count > 0)
    }

    @Test func seriesAreDrawnInTheirColours() {
        let series = [
            Series("plain", values: [1, 2, 3]), Series("strong", values: [3, .nan, 1], isEmphasized: true),
            Series("dashed", values: [2, 2, 2], style: .dashed),
            Series("dots", values: [1, 1, 1], style: .lineAndDots),
        ]
        let image = Figure(title: "t", panels: [Panel(horizontal: "x", vertical: "y", series: series)], columns: 1)
            .render(panelWidth: 300, panelHeight: 200, scale: 2)
        #expect(image.width == 600)
        var seen: Set<[UInt8]> = []
        for place in stride(from: 0, to: image.pixels.count, by: 3) {
            seen.insert(Array(image.pixels[place..<place + 3]))
        }
        let style = PlotStyle(scale: 2)
        for colour in style.colours(for: series) {
            let isSeen = seen.contains([colour.red, colour.green, colour.blue])
            #expect(isSeen, "\(colour)")
        }
    }

    private func layout(_ series: [Series]) -> (plot: Box, legend: Box?) {
        let frame = Box(left: 0, top: 0, right: 960, bottom: 720)
        let panel = Panel(horizontal: "x", vertical: "y", series: series)
        let renderer = PanelRenderer(panel: panel, frame: frame, style: PlotStyle(scale: 2))
        return (renderer.plot, renderer.legend)
    }

    @Test func theLegendStandsWhereNoLineIs() throws {
        let falling = layout([Series("one", values: [9, 2, 1]), Series("two", values: [8, 2, 1])])
        let corner = try #require(falling.legend)
        #expect(corner.right > falling.plot.right - 40 && corner.top < falling.plot.top + 40)
        let rising = layout([Series("one", values: [1, 2, 9]), Series("two", values: [1, 2, 8])])
        #expect(try #require(rising.legend).left < rising.plot.left + 40)
        // The corners are taken, and the middle of the right side is not.
        let sideways = layout([Series("one", values: [9, 5, 9]), Series("two", values: [1, 4.9, 1])])
        let middle = try #require(sideways.legend)
        #expect(middle.top > sideways.plot.top + 100 && middle.bottom < sideways.plot.bottom - 100)
    }

    @Test func aLegendWithoutAFreePlaceStandsBesideThePlot() throws {
        let zigzag = (0..<60).map { Double($0 % 2) }
        let full = layout([Series("one", values: zigzag), Series("two", values: zigzag)])
        #expect(try #require(full.legend).left >= full.plot.right)
        #expect(layout([Series("y", values: zigzag)]).legend == nil)
    }

    @Test func anEmptyFigureIsDrawn() {
        #expect(Figure(panels: []).render().width > 0)
        #expect(Figure(panels: [Panel(horizontal: "", vertical: "", series: [])]).render().width > 0)
    }
}
