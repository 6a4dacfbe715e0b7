import Diagnostics
import Formats

/// Turns plain data of a pickle, such as constructor arguments, into JSON.
extension PickleDocument {
    private static let maximumDepth = 16
    private static let maximumValues = 1 << 12

    /// Returns `value` as JSON; nil if JSON has no form for it, or if it is nested too deep or too large. Infinities
    /// and not-a-number become the text that Python writes ("inf", "-inf", "nan").
    func json(_ value: PickleValue) throws -> JSONValue? {
        var budget = Self.maximumValues
        return try json(value, depth: 0, budget: &budget)
    }

    private func json(_ value: PickleValue, depth: Int, budget: inout Int) throws -> JSONValue? {
        budget -= 1
        guard depth <= Self.maximumDepth, budget > 0 else { return nil }
        switch value {
        case .none: return .null
        case .boolean(let flag): return .boolean(flag)
        case .integer(let number): return .integer(number)
        case .number(let number): return number.isFinite ? .number(number) : .string("\(number)")
        case .string(let text): return .string(text)
        case .bytes, .wideInteger, .global: return nil
        case .object: break
        }
        if let number = try numpyScalar(value) { return try json(.number(number), depth: depth, budget: &budget) }
        if let elements = elements(value) {
            var list: [JSONValue] = []
            for element in elements {
                guard let item = try json(element, depth: depth + 1, budget: &budget) else { return nil }
                list.append(item)
            }
            return .array(list)
        }
        guard let entries = entries(value) else { return nil }
        var members: [JSONValue.Member] = []
        for entry in entries {
            guard let key = string(entry.key), !members.contains(where: { $0.name == key }),
                let item = try json(entry.value, depth: depth + 1, budget: &budget)
            else { continue }
            members.append(.init(key, item))
        }
        return .object(members)
    }
}
