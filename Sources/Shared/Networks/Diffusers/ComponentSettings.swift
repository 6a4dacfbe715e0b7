import Diagnostics
import Formats

/// The settings in the `config.json` of one component of a diffusers folder. A key that is absent or null has
/// diffusers' default.
package struct ComponentSettings {
    private let document: JSONValue

    /// Throws `data` if the document is no object.
    package init(_ document: JSONValue) throws {
        guard document.members != nil else { throw Failure(.data, "is no object of settings") }
        self.document = document
    }

    package func value(_ key: String) -> JSONValue? {
        guard let value = document[key], value != .null else { return nil }
        return value
    }

    package func word(_ key: String, default standard: String) throws -> String {
        try read(key, "a word", \.string) ?? standard
    }

    package func number(_ key: String, default standard: Double) throws -> Double {
        try read(key, "a number", \.double) ?? standard
    }

    package func flag(_ key: String) throws -> Bool { try read(key, "true or false", \.boolean) ?? false }

    package func count(_ key: String, default standard: Int, most: Int = 1 << 20) throws -> Int {
        try read(key, "a count of at most \(most)") { $0.integer.flatMap { (1...most).contains($0) ? $0 : nil } }
            ?? standard
    }

    package func counts(_ key: String, default standard: [Int]) throws -> [Int] {
        try read(key, "a list of reasonable counts") { value in
            value.integers.flatMap { list in
                (1..<12).contains(list.count) && list.allSatisfy { (1...1 << 20).contains($0) } ? list : nil
            }
        } ?? standard
    }

    package func words(_ key: String, default standard: [String]) throws -> [String] {
        try read(key, "a list of words") { value in
            value.elements.flatMap { list in
                let words = list.compactMap(\.string)
                return words.count == list.count ? words : nil
            }
        } ?? standard
    }

    private func read<Value>(_ key: String, _ kind: String, _ convert: (JSONValue) -> Value?) throws -> Value? {
        guard let value = value(key) else { return nil }
        guard let result = convert(value) else { throw Failure(.data, place: key, "is `\(value.text)`, not \(kind)") }
        return result
    }

    /// Throws `data` if a key has another value than the one that is computed here. false stands for none.
    package func require(_ expected: KeyValuePairs<String, JSONValue>) throws {
        for (key, wanted) in expected {
            guard let value = value(key), value != wanted, value != .boolean(false) || wanted != .null else { continue }
            if let number = value.double, number == wanted.double { continue }
            throw Failure(
                .data, place: key,
                "is \(value.text.quoted(limit: 60))" + (wanted == .null ? "" : " and not `\(wanted.text)`")
                    + "; such a network is not computed here")
        }
    }

    /// Throws `data` if a key is set that is none of `known`.
    package func refuseOthers(than known: Set<String>) throws {
        for member in document.members ?? [] where !known.contains(member.name) && !member.name.hasPrefix("_") {
            guard let value = value(member.name), value != .boolean(false) else { continue }
            throw Failure(
                .data, place: member.name, "is `\(value.text)`; such a setting is not known here")
        }
    }
}
