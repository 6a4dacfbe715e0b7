import Diagnostics
import Diffusion
import Formats

/// A list of numbers as users keep it: text (with spaces, commas, semicolons or line ends between the numbers, in brackets
/// or not, with a name as in Python or YAML, or as a table with a line of names), JSON, npy, or one tensor of a safetensors
/// file.
package struct NumberList: Sendable {
    /// The name under which the file keeps the list, as the caller spells it; nil for a bare list.
    package private(set) var name: String?
    /// The numbers in order: at least one, and none is NaN.
    package var values: [Double]
    /// The numbers as they stand in a text; empty for other files.
    package private(set) var words: [String] = []
    /// Lists beside this one: columns of a table, named lists and members of an object by their names, further rows of an
    /// array without.
    package private(set) var others: [(name: String?, values: [Double])] = []
    /// The names of lists beside this one that hold something else than numbers.
    package private(set) var unreadable: [String] = []

    /// Reads the list of the file at `path`.
    ///
    /// - Parameter names: the members of a JSON object, tensors of a safetensors file, or columns of a table that may hold the
    ///   list. The first one that is there counts. Case does not, nor a plural's s.
    package init(path: String, names: [String]) throws {
        let bytes = try Self.contents(path: path)
        self = try locating(path) { try NumberList(parsing: bytes, names: names) }
    }

    /// Returns the bytes of the file at `path`. Throws `.noInput` if it cannot be opened or is not a regular file.
    static func contents(path: String) throws -> [UInt8] {
        let file = try MappedFile(path: path)
        return withExtendedLifetime(file) { Array(file.bytes) }
    }

    /// Returns the bytes of the file at `path` if it may hold a list: nil if it is empty, no regular file that can be
    /// opened, or safetensors.
    static func contents(ofListAt path: String) -> [UInt8]? {
        guard let file = try? MappedFile(path: path) else { return nil }
        return withExtendedLifetime(file) {
            file.bytes.isEmpty || Safetensors.isImage(file.bytes.prefix(9)) ? nil : Array(file.bytes)
        }
    }

    /// Reads the list in the bytes of a file. `names` are those of `init(path:names:)`.
    package init(parsing bytes: [UInt8], names: [String]) throws {
        try Self.refuseOtherKinds(bytes, wanted: "a list of numbers")
        try self.init(reading: bytes, names: names)
    }

    fileprivate static func refuseOtherKinds(_ bytes: [UInt8], wanted: String) throws {
        try FileKind.refuse(bytes, wanted: wanted, accepted: [.npy, .safetensors, .json, .text])
    }

    fileprivate init(reading bytes: [UInt8], names: [String]) throws {
        if bytes.starts(with: NPY.magic) {
            try self.init(NPY.parse(bytes, name: "list"), name: nil)
        } else if Safetensors.isImage(bytes) {
            let tensors = try Safetensors.parse(bytes).tensors
            try self.init(choosing: names, among: tensors, name: \.name, kind: "tensor") { $0 }
        } else {
            try self.init(NumberText(bytes), names: names)
        }
        try requireNumbers()
    }

    /// Takes the first of `names` among the tensors or arrays of a file, and reads no other.
    init<Item>(
        choosing names: [String], among items: [Item], name: (Item) -> String, kind: String,
        read: (Item) throws -> NamedTensor
    ) throws {
        guard let (found, item) = Self.first(of: names, among: items, name: name) else {
            throw Self.missing(names, kind: kind, found: items.map(name))
        }
        try self.init(read(item), name: found)
        try requireNumbers()
    }

    /// Takes a vector, or the rows of a matrix.
    private init(_ tensor: NamedTensor, name: String?) throws {
        let values = try tensor.doubles()
        let shape = tensor.shape.filter { $0 != 1 }
        guard shape.count < 2 || tensor.shape.count == 2 else {
            throw Failure(.data, "is an array of shape \(tensor.shape), where a list is due")
        }
        self.name = name
        let length = shape.count == 2 ? shape[1] : max(values.count, 1)
        let rows = stride(from: 0, to: values.count, by: length).map { Array(values[$0..<$0 + length]) }
        self.values = rows.first ?? []
        others = rows.dropFirst().map { (nil, $0) }
    }

    private init(_ text: NumberText, names: [String]) throws {
        switch text.content {
        case .object(let object):
            let members = object.members ?? []
            guard let (name, member) = Self.first(of: names, among: members, name: \.name) else {
                throw Self.missing(names, kind: "member", found: members.map(\.name))
            }
            try Self.requireSingle(name, among: members.map(\.name))
            let rows = try locating(member.name) { try Self.rows(of: member.value) }
            (self.name, values) = (name, rows[0])
            others = rows.dropFirst().map { (nil, $0) }
            others += members.compactMap { other in other.value.doubles.map { (other.name, $0) } }
            unreadable = members.filter { $0.value.elements != nil && $0.value.doubles == nil }.map(\.name)
        case .named(let kind, let lists):
            guard let (name, list) = Self.first(of: names, among: lists, name: \.name) else {
                throw Self.missing(names, kind: kind, found: lists.map(\.name))
            }
            try Self.requireSingle(name, among: lists.map(\.name))
            self.name = name
            words = list.cells
            values = try locating("\(kind) \(list.name)") { try list.cells.map(NumberText.number) }
            for other in lists {
                if let numbers = try? other.cells.map(NumberText.number) {
                    others.append((other.name, numbers))
                } else {
                    unreadable.append(other.name)
                }
            }
        case .rows(let rows):
            values = try (rows.first ?? []).map(NumberText.number)
            words = rows.first ?? []
            others = try rows.dropFirst().map { (nil, try $0.map(NumberText.number)) }
        }
    }

    /// Returns the list of a JSON member, or the lists in it. Throws `.data` if it holds something else.
    private static func rows(of value: JSONValue) throws -> [[Double]] {
        if let list = value.doubles { return [list] }
        if let rows = value.elements?.compactMap(\.doubles), rows.count == value.elements?.count { return rows }
        if let position = value.elements?.firstIndex(where: { $0.double == nil }), let bad = value.elements?[position] {
            throw Failure(.data, "number \(position + 1) is \(String(bad.text.prefix(40))), no number")
        }
        throw Failure(.data, "is \(String(value.text.prefix(40))), no list of numbers")
    }

    /// Returns the first of `names` that an item has. Case does not count, nor a plural's s.
    static func first<Item>(
        of names: [String], among items: [Item], name: (Item) -> String
    ) -> (name: String, item: Item)? {
        for wanted in names {
            if let item = items.first(where: { isForm(name($0), of: wanted) }) { return (wanted, item) }
        }
        return nil
    }

    private static func isForm(_ name: String, of wanted: String) -> Bool {
        let word = name.lowercased()
        return word == wanted || wanted.hasSuffix("s") && word == wanted.dropLast()
    }

    /// Throws `.data` if several lists have the wanted name.
    private static func requireSingle(_ wanted: String, among names: [String]) throws {
        let found = names.filter { isForm($0, of: wanted) }
        guard found.count < 2 else {
            throw Failure(.data, "holds \(found.count) lists named \(wanted)", suggestion: "leave one of them")
        }
    }

    private static func missing(_ names: [String], kind: String, found: [String]) -> Failure {
        let shown = found.prefix(8).joined(separator: ", ") + (found.count > 8 ? ", ..." : "")
        return Failure(
            .data, "holds no \(kind) named \(names.joined(separator: ", "))",
            suggestion: found.isEmpty ? "it holds none at all" : "it holds \(shown)")
    }

    private func requireNumbers() throws {
        guard !values.isEmpty else { throw Failure(.data, "holds no number") }
        for list in [values] + others.filter({ $0.name == nil }).map(\.values) {
            if let position = list.firstIndex(where: \.isNaN) {
                throw Failure(.data, "number \(position + 1) is not-a-number")
            }
        }
    }

    /// Removes the second of two rows and returns it.
    mutating func takeSecondRow() -> [Double] { others.removeFirst().values }

    /// Throws `.data` if there are several rows where one list is due. Rows of one number each are one list.
    mutating func requireOneRow() throws {
        let rows = others.filter { $0.name == nil }
        guard !rows.isEmpty else { return }
        guard ([values] + rows.map(\.values)).allSatisfy({ $0.count == 1 }) else {
            throw Failure(.data, "holds \(rows.count + 1) lists, where one is due")
        }
        values += rows.flatMap(\.values)
        others.removeAll { $0.name == nil }
        words = []
    }
}

extension NoiseTable {
    /// Returns the alphas_cumprod of a file: text, JSON, npy or safetensors. A failure quotes nothing of the file.
    package static func read(path: String) throws -> [Double] {
        let bytes = try NumberList.contents(path: path)
        return try locating(path) {
            try NumberList.refuseOtherKinds(bytes, wanted: "a list of alphas_cumprod")
            do {
                var list = try NumberList(reading: bytes, names: ["alphas_cumprod"])
                try list.requireOneRow()
                return list.values
            } catch is Failure {
                throw Failure(
                    .data, "holds no list of alphas_cumprod", suggestion: "text, JSON, npy and safetensors are read")
            }
        }
    }
}
