#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

// The one way to print a number for people and for lists. Streams and JSON hold the shortest text that reads back.

/// Returns `value` with a fixed number of decimals, at least `width` columns wide: "0.250", "  12.5". A value that
/// rounds to zero has no sign.
package func decimal(_ value: Double, places: Int, width: Int = 0) -> String {
    let text = formatted("%.*f", places, value)
    let isZero = text.hasPrefix("-") && !text.contains { ("1"..."9").contains($0) || $0.isLetter }
    return (isZero ? String(text.dropFirst()) : text).aligned(right: width)
}

/// Returns `value` with at most `places` decimals, without an exponent and without trailing zeros, but with one
/// decimal at least: "80.0", "0.002".
package func decimal(_ value: Double, atMost places: Int) -> String {
    var text = formatted("%.*f", places, value)
    guard text.contains(".") else { return text }
    while text.hasSuffix("0"), !text.hasSuffix(".0") { text.removeLast() }
    return text
}

/// Returns `value` with `digits` significant digits, trailing zeros among them: "12.3400", "1.23400e-7". Zero is "0".
package func significant(_ value: Double, digits: Int) -> String {
    guard value.isFinite, value != 0 else { return value == 0 ? "0" : "\(value)" }
    // The exponent of the rounded value, which C's own rounding knows best.
    let parts = formatted("%.*e", digits - 1, value).split(separator: "e")
    guard parts.count == 2, let exponent = Int(parts[1].drop { $0 == "+" }) else { return "\(value)" }
    guard (-5..<digits + 3).contains(exponent) else { return "\(parts[0])e\(exponent)" }
    return decimal(value, places: max(0, digits - 1 - exponent))
}

/// Returns `value` with at most `digits` significant digits, without trailing zeros, at least `width` columns wide:
/// "12.34", "1e-07".
package func compact(_ value: Double, digits: Int = 5, width: Int = 0) -> String {
    formatted("%.*g", digits, value).aligned(right: width)
}

/// Returns the shortest text that reads back as `value`: "0.1", "1e-07", "80.0".
package func shortest(_ value: Double) -> String { "\(value)" }

extension String {
    /// Returns the text behind as many spaces as make it `width` columns wide.
    package func aligned(right width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }

    /// Returns the text before as many spaces as make it `width` columns wide.
    package func aligned(left width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}

/// Returns what C's printf makes of one number with a precision.
private func formatted(_ format: String, _ precision: Int, _ value: Double) -> String {
    withVaList([Int32(precision), value]) { arguments in
        // The longest finite number has 309 digits before the point.
        var buffer = [CChar](repeating: 0, count: 330 + precision)
        let count = vsnprintf(&buffer, buffer.count, format, arguments)
        return String(decoding: buffer.prefix(Int(max(0, count))).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
