import Diagnostics
import Formats

/// One value of a pickle, as inert data. Objects and globals are numbered, so that a graph with cycles, or nested
/// however deep, is a flat table that needs no recursion to build or to free.
package enum PickleValue: Sendable, Equatable {
    case none
    case boolean(Bool)
    case integer(Int)
    /// An integer beyond 64 bits: the place of its little-endian two's complement bytes in the pickle.
    case wideInteger(Range<Int>)
    case number(Double)
    case string(String)
    /// The place of the bytes in the pickle.
    case bytes(Range<Int>)
    /// A place in `PickleDocument.globals`.
    case global(Int)
    /// A place in `PickleDocument.objects`.
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

/// A container or a call that the pickle asks for, recorded and not carried out.
package struct PickleObject: Sendable {
    package enum Kind: Sendable {
        case list, tuple, set, dictionary
        /// `arguments` is what a persistent identifier holds.
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
    /// Of a list, tuple or set; of a call, what was appended to its result.
    package var elements: [PickleValue] = []
    /// Of a dictionary; of a call, what was set in its result. A key may come twice: the later counts.
    package var entries: [Entry] = []
    /// What BUILD would have given the object.
    package var state: PickleValue = .none
}

/// A whole pickle, unpickled into data.
package struct PickleDocument: Sendable {
    package var root: PickleValue
    package var objects: [PickleObject]
    package var globals: [PickleGlobal]
    /// Globals outside the allow-list, in the order of the file.
    package var foreignGlobals: [PickleGlobal]
    /// The bytes that the pickle began in.
    package var region: ByteRegion
    /// Place in `region` behind the pickle.
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

    /// The elements of a list or tuple, or of the one that `torch.Size` and the like are made from.
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

    /// The global that `value` is; a persistent module of legacy torch.save stands for its class.
    package func global(_ value: PickleValue) -> PickleGlobal? {
        if case .global(let index) = value { return globals[index] }
        guard let object = object(value), object.kind == .persistent, let parts = elements(object.arguments),
            parts.count >= 2, string(parts[0]) == "module", case .global(let index) = parts[1]
        else { return nil }
        return globals[index]
    }

    /// The function or class that made `value`, and the arguments it was given.
    package func call(_ value: PickleValue) -> (global: PickleGlobal, arguments: [PickleValue])? {
        guard let object = object(value), object.kind == .call, let global = global(object.callable) else { return nil }
        return (global, elements(object.arguments) ?? [])
    }

    /// The entries of a dictionary or of one of its subclasses; nil where `value` is something else.
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

    /// The value under the text `key` of a dictionary.
    package func value(_ key: String, in dictionary: PickleValue?) -> PickleValue? {
        entries(dictionary)?.last { string($0.key) == key }?.value
    }
}
