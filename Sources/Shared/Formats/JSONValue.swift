/// A JSON document. An object keeps the order of its members and has each name once.
package indirect enum JSONValue: Sendable, Equatable {
    case null
    case boolean(Bool)
    /// A number that was written without fraction and exponent and fits Int.
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([Member])

    package struct Member: Sendable, Equatable {
        package var name: String
        package var value: JSONValue

        package init(_ name: String, _ value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    /// The member `name` of an object; nil if there is none, or if this is no object.
    package subscript(name: String) -> JSONValue? { members?.first { $0.name == name }?.value }

    /// Returns an object whose member `name` has this value.
    package func replacing(_ name: String, with value: JSONValue) -> JSONValue {
        .object((members ?? []).filter { $0.name != name } + [Member(name, value)])
    }

    package var members: [Member]? {
        if case .object(let members) = self { members } else { nil }
    }
    package var elements: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }
    package var string: String? {
        if case .string(let text) = self { text } else { nil }
    }
    package var boolean: Bool? {
        if case .boolean(let flag) = self { flag } else { nil }
    }
    /// The value of a number that was written as an integer.
    package var integer: Int? {
        if case .integer(let value) = self { value } else { nil }
    }
    /// The value of any number.
    package var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }
    /// The elements of an array of numbers that were all written as integers.
    package var integers: [Int]? {
        guard let elements else { return nil }
        let values = elements.compactMap(\.integer)
        return values.count == elements.count ? values : nil
    }
    /// The elements of an array of any numbers.
    package var doubles: [Double]? {
        guard let elements else { return nil }
        let values = elements.compactMap(\.double)
        return values.count == elements.count ? values : nil
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int) { self = .integer(value) }
    package init(floatLiteral value: Double) { self = .number(value) }
    package init(booleanLiteral value: Bool) { self = .boolean(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(elements.map { Member($0.0, $0.1) })
    }
}
