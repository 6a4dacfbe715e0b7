import Diagnostics
import Formats

/// The contents of a model file, told before anything is computed: container, architecture, process, sizes, tensors.
package struct ModelDescription: Sendable {
    package struct Entry: Sendable, Equatable {
        package var name: String
        package var type: DataType
        package var shape: [Int]

        var count: Int { shape.reduce(1, *) }
    }

    /// The name by which the user called the model.
    package let name: String
    /// The container: `safetensors`, `PyTorch zip archive`, ...
    package let container: String
    /// The key under which the file keeps the weights; nil if it holds nothing else.
    package let key: String?
    /// The configuration, `precond`, `init_kwargs` and the like; nil if the file does not tell it.
    package let configuration: JSONValue?
    /// The specification of the noise process; nil if the caller does not know it.
    package let process: String?
    package let tensors: [Entry]
    /// The architecture as the caller names it.
    private let knownArchitecture: String?
    /// The tensors of element types that are not read.
    package let unread: [UnreadTensor]
    /// A note for the user about the choice among several sets of weights.
    package let remarks: [String]
    /// The classes outside the allow-list that the file names. They were not looked into.
    package let foreignClasses: [String]

    /// The parts of a model that has several.
    package let parts: [Part]

    /// A part of a model in a few words.
    package struct Part: Sendable, Equatable {
        package var name: String
        package var text: String

        package init(_ name: String, _ text: String) { (self.name, self.text) = (name, text) }
    }

    /// The facts of a file that the caller knows beyond its tensors.
    package struct Knowledge: Sendable {
        /// The architecture, if the file itself does not name it.
        package var architecture: String?
        package var process: String?
        package var parts: [Part]
        /// Notes for the user.
        package var notes: [String]
        /// The folder that keeps the tensors, if no single file does.
        package var container: String?
        /// The configuration that the user gives in the place of the file's own.
        package var configuration: JSONValue?

        package init(
            architecture: String? = nil, process: String? = nil, parts: [Part] = [], notes: [String] = [],
            container: String? = nil, configuration: JSONValue? = nil
        ) {
            self.architecture = architecture
            self.process = process
            self.parts = parts
            self.notes = notes
            self.container = container
            self.configuration = configuration
        }
    }

    /// Describes a file, called `name` by the user, that `CheckpointFile.open` has opened. Throws `.data`, naming the
    /// file, if its configuration is not JSON.
    package init(_ source: any WeightSource, name: String, knowledge: Knowledge = Knowledge()) throws {
        let file = source as? CheckpointFile
        self.name = name
        knownArchitecture = knowledge.architecture
        container = knowledge.container ?? (file?.container ?? .safetensors).rawValue
        key = file?.key
        foreignClasses = file?.foreignGlobals ?? []
        unread = source.unread
        remarks = source.remarks + knowledge.notes + Self.remarks(onAveragesAmong: source.tensorNames)
        configuration = try knowledge.configuration ?? locating(name) { try source.document }
        process = knowledge.process
        parts = knowledge.parts
        tensors = source.tensorNames.compactMap { name in
            guard let type = source.type(of: name), let shape = source.shape(of: name) else { return nil }
            return Entry(name: name, type: type, shape: shape)
        }
    }

    /// Tells of averages that stand beside plain weights of the same dictionary.
    private static func remarks(onAveragesAmong names: [String]) -> [String] {
        let parts = Set(names.compactMap { name in name.firstIndex(of: ".").map { name[..<$0] } })
        let averaged = parts.filter(namesAverages).sorted()
        guard !averaged.isEmpty, averaged.count < parts.count else { return [] }
        return [
            "the averages under \(averaged.map { "`\($0).`" }.joined(separator: ", ")) are used where the network has them"
        ]
    }

    /// The number of elements of all tensors: parameters, and the few buffers that state dictionaries keep with them.
    package var parameterCount: Int { tensors.reduce(0) { $0 + $1.count } }

    /// The preconditioner and the network, for example `EDMPrecond, SongUNet`; nil if the file does not tell them.
    package var architecture: String? {
        if let knownArchitecture { return knownArchitecture }
        guard let configuration else { return nil }
        let arguments = configuration["init_kwargs"]
        let names = [
            configuration["precond"]?.string, arguments?["model_type"]?.string, configuration["kind"]?.string,
            configuration["architecture"]?.string,
        ]
        let known = names.compactMap(\.self)
        return known.isEmpty ? nil : known.joined(separator: ", ")
    }
}

// MARK: - Rendering

extension ModelDescription {
    package var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("name", .string(name)), .init("container", .string(container)),
            .init("key", key.map { .string($0) } ?? .null),
            .init("architecture", architecture.map { .string($0) } ?? .null),
            .init("process", process.map { .string($0) } ?? .null),
            .init("parameters", .integer(parameterCount)),
            .init("configuration", configuration ?? .null),
        ]
        members.append(.init("foreign_classes", .array(foreignClasses.map { .string($0) })))
        if !parts.isEmpty {
            members.append(.init("parts", .object(parts.map { JSONValue.Member($0.name, .string($0.text)) })))
        }
        let entries = tensors.map { tensor -> JSONValue in
            [
                "name": .string(tensor.name), "dtype": .string(tensor.type.rawValue),
                "shape": .array(tensor.shape.map { .integer($0) }),
            ]
        }
        members.append(.init("remarks", .array(remarks.map { .string($0) })))
        members.append(.init("tensors", .array(entries)))
        let others = unread.map { tensor -> JSONValue in
            [
                "name": .string(tensor.name), "dtype": .string(tensor.type),
                "shape": .array(tensor.shape.map { .integer($0) }),
            ]
        }
        members.append(.init("unread_tensors", .array(others)))
        return .object(members)
    }

    /// The description as text: a few facts, the constructor arguments, and a table of the tensors.
    package var text: String {
        var lines = [
            "\(name): \(container)" + (key.map { ", weights under `\($0)`" } ?? ""),
            "architecture  \(architecture ?? "not told by the file")",
            "process       \(process ?? "not told by the file")",
            "parameters    \(parameterCount) in \(counted(tensors.count, "tensor")) (\(typeSummary))",
        ]
        lines += parts.map { "  \($0.name.padded(to: 11)) \($0.text)" }
        if !foreignClasses.isEmpty { lines.append("not read      \(foreignClasses.joined(separator: ", "))") }
        lines += remarks.map { "note          \($0)" }
        lines += argumentLines(configuration?.members ?? [], indentation: 0)
        lines.append("tensors")
        let width = tensors.map(\.name.count).max() ?? 0
        for tensor in tensors {
            let padding = String(repeating: " ", count: width - tensor.name.count)
            let type = tensor.type.rawValue.padded(to: 5)
            lines.append("  \(tensor.name)\(padding)  \(type) \(tensor.shape)")
        }
        lines += unread.map { "  \($0.name)  \($0.type) \($0.shape), a type that is not read" }
        return lines.map(\.onePrintableLine).joined(separator: "\n") + "\n"
    }

    /// The numbers of tensors by type, for example `206 BF16, 11 F32`.
    private var typeSummary: String {
        let counts = Dictionary(grouping: tensors, by: \.type).mapValues(\.count)
        return counts.sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }
            .map { "\($0.value) \($0.key.rawValue)" }.joined(separator: ", ")
    }

    private func argumentLines(_ members: [JSONValue.Member], indentation: Int) -> [String] {
        members.flatMap { member -> [String] in
            let start = String(repeating: " ", count: indentation)
            guard let inner = member.value.members else {
                return [
                    "\(start)\(member.name.padded(to: 20 - indentation)) \(member.value.string ?? member.value.text)"
                ]
            }
            return [start + member.name] + argumentLines(inner, indentation: indentation + 2)
        }
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}
