#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A scalar for schedules and solver coefficients. A formula is written once: with Double it gives values, with `Dual`
/// values and exact derivatives. Branches depend on `value`.
package protocol Real: Sendable, Equatable, ExpressibleByFloatLiteral where FloatLiteralType == Double {
    init(_ value: Double)
    var value: Double { get }

    static func + (left: Self, right: Self) -> Self
    static func - (left: Self, right: Self) -> Self
    static func * (left: Self, right: Self) -> Self
    static func / (left: Self, right: Self) -> Self
    static prefix func - (operand: Self) -> Self

    static func exp(_ x: Self) -> Self
    static func expm1(_ x: Self) -> Self
    static func log(_ x: Self) -> Self
    static func log1p(_ x: Self) -> Self
    static func sqrt(_ x: Self) -> Self
    static func cos(_ x: Self) -> Self
    static func tan(_ x: Self) -> Self
    static func acos(_ x: Self) -> Self
    static func atan(_ x: Self) -> Self
    static func pow(_ x: Self, _ exponent: Double) -> Self
}

extension Real {
    package static func + (left: Self, right: Double) -> Self { left + Self(right) }
    package static func + (left: Double, right: Self) -> Self { Self(left) + right }
    package static func - (left: Self, right: Double) -> Self { left - Self(right) }
    package static func - (left: Double, right: Self) -> Self { Self(left) - right }
    package static func * (left: Self, right: Double) -> Self { left * Self(right) }
    package static func * (left: Double, right: Self) -> Self { Self(left) * right }
    package static func / (left: Self, right: Double) -> Self { left / Self(right) }
    package static func / (left: Double, right: Self) -> Self { Self(left) / right }
    package static func += (left: inout Self, right: Self) { left = left + right }
    package static func -= (left: inout Self, right: Self) { left = left - right }
}

extension Double: Real {
    package var value: Double { self }
    package static func exp(_ x: Double) -> Double { exponential(x) }
    package static func expm1(_ x: Double) -> Double { exponentialMinusOne(x) }
    package static func log(_ x: Double) -> Double { logarithm(x) }
    package static func log1p(_ x: Double) -> Double { logarithmOnePlus(x) }
    package static func sqrt(_ x: Double) -> Double { x.squareRoot() }
    package static func cos(_ x: Double) -> Double { cosine(x) }
    package static func tan(_ x: Double) -> Double { tangent(x) }
    package static func acos(_ x: Double) -> Double { arcCosine(x) }
    package static func atan(_ x: Double) -> Double { arcTangent(x) }
    package static func pow(_ x: Double, _ exponent: Double) -> Double { power(x, exponent) }
}

// The C functions under other names: inside `extension Double`, the short names would mean the members themselves.
private func exponential(_ x: Double) -> Double { exp(x) }
private func exponentialMinusOne(_ x: Double) -> Double { expm1(x) }
private func logarithm(_ x: Double) -> Double { log(x) }
private func logarithmOnePlus(_ x: Double) -> Double { log1p(x) }
private func cosine(_ x: Double) -> Double { cos(x) }
private func tangent(_ x: Double) -> Double { tan(x) }
private func arcCosine(_ x: Double) -> Double { acos(x) }
private func arcTangent(_ x: Double) -> Double { atan(x) }
private func power(_ x: Double, _ exponent: Double) -> Double { pow(x, exponent) }
