import Diagnostics
import Formats

/// One value of a pickle, as inert data. Objects and globals are numbers into flat tables, so that a graph with cycles,
/// or one that is nested very deep, needs no recursion to build or to free.
package enum PickleValue: Sendable, Equatable {
    case none
    case boolean(Bool)
    case integer(Int)
    /// An integer beyond 64 bits, given by the place of its little-endian two's complement bytes in the pickle.
    case wideInteger(Range<Int>)
    case number(Double)
    case string(String)
    /// Bytes, given by their place in the pickle.
    case bytes(Range<Int>)
    /// An index into `PickleDocument.globals`.
    case global(Int)
    /// An index into `PickleDocument.objects`.
    case object(Int)
}

/// The name of a Python class or function. It is never looked up or called.
package struct PickleGlobal: Sendable, Hashable, CustomStringConvertible {
    package var module: String
    package var name: String

    package init(_ module: String, _ name: String) {
        self.module = module
        self.name = name
    }

    package var description: String { "\(module).\(name)" }
}

/// A container or a call for which the pickle asks. It is recorded and not carried out.
package struct PickleObject: Sendable {
    package enum Kind: Sendable {
        case list, tuple, set, dictionary
        /// A persistent object; `arguments` is its identifier.
        case persistent
        /// The result of calling `callable` with `arguments`.
        case call
    }

    package struct Entry: Sendable {
        package var key: PickleValue
        package var value: PickleValue
    }

    package var kind: Kind
    package var callable: PickleValue = .none
    package var arguments: PickleValue = .none
    /// The elements of a list, tuple or set, or the values that were appended to the result of a call.
    package var elements: [PickleValue] = []
    /// The entries of a dictionary, or those that were set in the result of a call. If a key comes twice, the later
    /// entry counts.
    package var entries: [Entry] = []
    /// The state that BUILD would have given to the object.
    package var state: PickleValue = .none
}

/// A whole pickle as data.
package struct PickleDocument: Sendable {
    package var root: PickleValue
    package var objects: [PickleObject]
    package var globals: [PickleGlobal]
    /// The globals outside the allow-list, in the order of the file.
    package var foreignGlobals: [PickleGlobal]
    /// The bytes in which the pickle begins.
    package var region: ByteRegion
    /// The place in `region` after the pickle.
    package var end: Int
}

// MARK: - Looking at values

extension PickleDocument {
    package func object(_ value: PickleValue) -> PickleObject? {
        if case .object(let index) = value { objects[index] } else { nil }
    }

    package func string(_ value: PickleValue?) -> String? {
        if case .string(let text)? = value { text } else { nil }
    }

    package func integer(_ value: PickleValue?) -> Int? {
        switch value {
        case .integer(let number)?: number
        case .boolean(let flag)?: flag ? 1 : 0
        default: nil
        }
    }

    /// Returns the elements of a list or tuple, or of the one from which `torch.Size` is made; nil if `value` is
    /// something else.
    package func elements(_ value: PickleValue?) -> [PickleValue]? {
        guard let value, let object = object(value) else { return nil }
        switch object.kind {
        case .list, .tuple: return object.elements
        case .call where global(object.callable) == PickleGlobal("torch", "Size"):
            return self.object(object.arguments)?.elements.first.flatMap { inner in
                self.object(inner).flatMap { $0.kind == .list || $0.kind == .tuple ? $0.elements : nil }
            }
        default: return nil
        }
    }

    package func integers(_ value: PickleValue?) -> [Int]? {
        guard let elements = elements(value) else { return nil }
        let numbers = elements.compactMap { integer($0) }
        return numbers.count == elements.count ? numbers : nil
    }

    /// Returns the global that `value` is; nil if it is something else. A persistent module of legacy torch.save stands
    /// for its class.
    package func global(_ value: PickleValue) -> PickleGlobal? {
        if case .global(let index) = value { return globals[index] }
        guard let object = object(value), object.kind == .persistent, let parts = elements(object.arguments),
            parts.count >= 2, string(parts[0]) == "module", case .global(let index) = parts[1]
        else { return nil }
        return globals[index]
    }

    /// Returns the function or class that made `value`, and the arguments that it was given; nil if `value` is not the
    /// result of a call.
    package func call(_ value: PickleValue) -> (global: PickleGlobal, arguments: [PickleValue])? {
        guard let object = object(value), object.kind == .call, let global = global(object.callable) else { return nil }
        return (global, elements(object.arguments) ?? [])
    }

    /// Returns the entries of a dictionary or of a subclass of it; nil if `value` is something else.
    package func entries(_ value: PickleValue?) -> [PickleObject.Entry]? {
        guard let value, let object = object(value) else { return nil }
        switch object.kind {
        case .dictionary: return object.entries
        case .call:
            guard let global = global(object.callable), global.isDictionary else { return nil }
            let given = elements(object.arguments)?.first.flatMap { elements($0) } ?? []
            let pairs = given.compactMap { pair -> PickleObject.Entry? in
                guard let parts = elements(pair), parts.count == 2 else { return nil }
                return .init(key: parts[0], value: parts[1])
            }
            return pairs + object.entries
        default: return nil
        }
    }

    /// Returns the value under the text `key` of a dictionary; nil if there is none.
    package func value(_ key: String, in dictionary: PickleValue?) -> PickleValue? {
        entries(dictionary)?.last { string($0.key) == key }?.value
    }
}
