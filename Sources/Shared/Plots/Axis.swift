import Diagnostics
import Tensors

/// The scale by which values become places along an axis.
package enum AxisScale: Sendable, Equatable {
    case linear
    /// A logarithmic scale. Values that are not positive are left out.
    case logarithmic
}

/// The range of one axis, with its marks.
package struct Axis: Sendable, Equatable {
    package let scale: AxisScale
    /// The lower end of the axis. Ends and places of marks are values on a linear axis, and common logarithms of values
    /// on a logarithmic one.
    package let low: Double
    package let high: Double
    package let ticks: [Tick]

    package struct Tick: Sendable, Equatable {
        /// The place on the axis, in the unit of its ends.
        package let place: Double
        /// The number beside the mark; empty for none.
        package let label: String
    }

    /// Makes an axis that holds all `values` that can be drawn, with about `about` marks.
    package init(_ values: some Sequence<Double>, scale: AxisScale, about: Int) {
        let places = values.compactMap { Axis.measure($0, scale) }
        var (first, last) = (places.min() ?? 0, places.max() ?? 1)
        if last - first < 1e-9 * max(abs(first), abs(last), 1e-6) {
            let margin = scale == .logarithmic ? 0.5 : max(abs(first) / 2, 0.5)
            (first, last) = (first - margin, last + margin)
        }
        let margin = 0.04 * (last - first)
        (low, high) = (first - margin, last + margin)
        self.scale = scale
        let (start, end) = (low, high)
        switch scale {
        case .linear: ticks = Axis.linearTicks(start, end, about, isWhole: places.allSatisfy { $0 == $0.rounded() })
        case .logarithmic: ticks = Axis.logarithmicTicks(start, end, about)
        }
    }

    /// Returns the place of `value` between the ends, 0...1; nil if it cannot be drawn.
    package func fraction(_ value: Double) -> Double? {
        Axis.measure(value, scale).map { ($0 - low) / (high - low) }
    }

    package func fraction(_ tick: Tick) -> Double { (tick.place - low) / (high - low) }

    private static func measure(_ value: Double, _ scale: AxisScale) -> Double? {
        guard value.isFinite else { return nil }
        if scale == .linear { return value }
        return value > 0 ? Double.log(value) / Double.log(10) : nil
    }

    /// Returns marks at multiples of 1, 2, 2.5 or 5 times a power of ten. If all values are whole numbers (`isWhole`),
    /// so are the marks.
    private static func linearTicks(_ low: Double, _ high: Double, _ about: Int, isWhole: Bool = false) -> [Tick] {
        let wished = (high - low) / Double(max(about, 2))
        let raw = isWhole ? max(wished, 1) : wished
        let power = Int((Double.log(raw) / Double.log(10)).rounded(.down))
        let unit = Double.pow(10, Double(power))
        let factors = isWhole && unit < 10 ? [1, 2, 5, 10] : [1, 2, 2.5, 5, 10]
        let factor = factors.first { $0 * unit >= raw } ?? 10
        let step = factor * unit
        let places = max(0, -power + (factor == 2.5 ? 1 : 0) - (factor == 10 ? 1 : 0))
        let first = Int((low / step).rounded(.up))
        let last = max(first, Int((high / step).rounded(.down)))
        return (first...last).map { Tick(place: Double($0) * step, label: label(Double($0) * step, places: places)) }
    }

    /// Returns marks at powers of ten. If there are few, 2 and 5 are marked between them; if there are many, only every
    /// other one or fewer are.
    private static func logarithmicTicks(_ low: Double, _ high: Double, _ about: Int) -> [Tick] {
        let decades = high - low
        if decades < 1 { return narrowLogarithmicTicks(low, high, about) }
        let stride = max(1, Int((decades / Double(max(about, 2))).rounded(.up)))
        let factors: [Double] = decades <= Double(about) / 2 ? [1, 2, 5] : [1]
        return (Int(low.rounded(.down))...Int(high.rounded(.up))).flatMap { power in
            factors.compactMap { factor in
                let place = Double(power) + Double.log(factor) / Double.log(10)
                guard place >= low, place <= high, power.isMultiple(of: stride) else { return nil }
                return Tick(place: place, label: value(factor, power))
            }
        }
    }

    /// Returns linear marks at their logarithms, for an axis within one decade.
    private static func narrowLogarithmicTicks(_ low: Double, _ high: Double, _ about: Int) -> [Tick] {
        linearTicks(Double.pow(10, low), Double.pow(10, high), about).compactMap { tick in
            measure(tick.place, .logarithmic).map { Tick(place: $0, label: tick.label) }
        }
    }

    /// Returns `factor` times ten to `power`, with an exponent if it is long.
    private static func value(_ factor: Double, _ power: Int) -> String {
        guard (-4...4).contains(power) else { return "\(Int(factor))e\(power)" }
        return label(factor * Double.pow(10, Double(power)), places: max(0, -power))
    }

    /// Returns `value` with a fixed number of decimals, or with an exponent if that would be long.
    static func label(_ value: Double, places: Int) -> String {
        guard abs(value) < 1e6, places <= 6 else { return shortest(value) }
        return decimal(value, places: places).replacing("-", with: "\u{2212}")
    }
}
