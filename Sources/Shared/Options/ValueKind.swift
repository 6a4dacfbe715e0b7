import Diagnostics

/// The values that an option takes. The parser checks every value against it, so that a wrong one is told before any
/// input is read.
package enum ValueKind: Sendable {
    /// Any text: a path, or a word that only a model or a file can judge.
    case text
    case integer(ClosedRange<Int>)
    case number(ClosedRange<Double>)
    case choice([String])
    /// A text with a grammar of its own; the closure throws `usage` if a text does not follow it.
    case checked(@Sendable (String) throws -> Void)

    /// Throws `usage`, without a place, if `text` is no value of this kind.
    package func check(_ text: String) throws {
        switch self {
        case .text: break
        case .integer(let range): _ = try Self.integer(text, in: range)
        case .number(let range): _ = try Self.number(text, in: range)
        case .choice(let words):
            guard words.contains(text) else { throw Failure(unknown: text, choices: words) }
        case .checked(let check): try check(text)
        }
    }

    /// Returns the whole number that `text` spells. Throws `usage` if it spells none within `range`.
    package static func integer(_ text: String, in range: ClosedRange<Int>) throws -> Int {
        guard let value = Int(text), range.contains(value) else {
            let bounds =
                range.upperBound == .max ? "from \(range.lowerBound) on" : "\(range.lowerBound) to \(range.upperBound)"
            throw Failure(.usage, "`\(text)` is not a whole number, \(bounds)")
        }
        return value
    }

    /// Returns the finite number that `text` spells. Throws `usage` if it spells none within `range`.
    package static func number(_ text: String, in range: ClosedRange<Double>) throws -> Double {
        guard let value = Double(text), value.isFinite, range.contains(value) else {
            throw Failure(
                .usage, "`\(text)` is not a number, \(compact(range.lowerBound)) to \(compact(range.upperBound))")
        }
        return value
    }
}
