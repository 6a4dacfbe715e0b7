/// A dual number: a value and its partial derivatives with respect to a fixed list of variables (forward mode).
///
/// A constant carries no partial derivatives, so arithmetic between constants and variables costs nothing more.
package struct Dual: Real {
    package var value: Double
    /// The derivatives d value / d variable; empty for a constant.
    package var partials: [Double]

    package init(_ value: Double) { self.init(value: value, partials: []) }
    package init(floatLiteral value: Double) { self.init(value) }

    package init(value: Double, partials: [Double]) {
        self.value = value
        self.partials = partials
    }

    /// Returns the variable number `index` of `count`.
    package static func variable(_ value: Double, index: Int, of count: Int) -> Dual {
        var partials = [Double](repeating: 0, count: count)
        partials[index] = 1
        return Dual(value: value, partials: partials)
    }

    /// Returns d value / d variable `index`; 0 for a constant.
    package func partial(_ index: Int) -> Double { partials.isEmpty ? 0 : partials[index] }

    package static func + (left: Dual, right: Dual) -> Dual {
        Dual(value: left.value + right.value, partials: blend(left, 1, right, 1))
    }
    package static func - (left: Dual, right: Dual) -> Dual {
        Dual(value: left.value - right.value, partials: blend(left, 1, right, -1))
    }
    package static func * (left: Dual, right: Dual) -> Dual {
        Dual(value: left.value * right.value, partials: blend(left, right.value, right, left.value))
    }
    package static func / (left: Dual, right: Dual) -> Dual {
        let quotient = left.value / right.value
        return Dual(value: quotient, partials: blend(left, 1 / right.value, right, -quotient / right.value))
    }
    package static prefix func - (operand: Dual) -> Dual { operand.chained(-operand.value, slope: -1) }

    package static func exp(_ x: Dual) -> Dual {
        let e = Double.exp(x.value)
        return x.chained(e, slope: e)
    }
    package static func expm1(_ x: Dual) -> Dual { x.chained(Double.expm1(x.value), slope: Double.exp(x.value)) }
    package static func log(_ x: Dual) -> Dual { x.chained(Double.log(x.value), slope: 1 / x.value) }
    package static func log1p(_ x: Dual) -> Dual { x.chained(Double.log1p(x.value), slope: 1 / (1 + x.value)) }
    package static func sqrt(_ x: Dual) -> Dual {
        let root = x.value.squareRoot()
        return x.chained(root, slope: 0.5 / root)
    }
    package static func cos(_ x: Dual) -> Dual {
        x.chained(Double.cos(x.value), slope: -Double.cos(x.value - .pi / 2))
    }
    package static func tan(_ x: Dual) -> Dual {
        let tangent = Double.tan(x.value)
        return x.chained(tangent, slope: 1 + tangent * tangent)
    }
    package static func acos(_ x: Dual) -> Dual {
        x.chained(Double.acos(x.value), slope: -1 / (1 - x.value * x.value).squareRoot())
    }
    package static func atan(_ x: Dual) -> Dual {
        x.chained(Double.atan(x.value), slope: 1 / (1 + x.value * x.value))
    }
    package static func pow(_ x: Dual, _ exponent: Double) -> Dual {
        x.chained(Double.pow(x.value, exponent), slope: exponent * Double.pow(x.value, exponent - 1))
    }

    /// Returns f(self), given the value and the slope of f at `value`.
    package func chained(_ newValue: Double, slope: Double) -> Dual {
        Dual(value: newValue, partials: partials.map { $0 * slope })
    }

    /// Returns the partial derivatives of a left + b right.
    private static func blend(_ left: Dual, _ a: Double, _ right: Dual, _ b: Double) -> [Double] {
        if left.partials.isEmpty { return right.partials.map { $0 * b } }
        if right.partials.isEmpty { return left.partials.map { $0 * a } }
        return zip(left.partials, right.partials).map { $0 * a + $1 * b }
    }
}
