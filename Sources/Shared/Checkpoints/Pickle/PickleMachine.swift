import Diagnostics

/// Turns a pickle into data. It cannot run anything: a call is recorded with its arguments, and a global is only a
/// name.
///
/// Sizes are compared with the bytes that are there, and the numbers of operations and objects are limited, so memory
/// and time stay in proportion to the file.
package struct PickleMachine {
    /// The treatment of globals outside the allow-list.
    package enum ForeignGlobals: Sendable {
        case refused
        /// They are kept as names: training frameworks leave calls of their own beside the weights in checkpoints.
        case kept
    }

    /// The largest number of operations of one pickle. A network of a thousand tensors takes some hundred thousand.
    package static let maximumOperations = 1 << 23
    /// The largest number of containers and calls of one pickle.
    package static let maximumObjects = 1 << 20

    private let foreign: ForeignGlobals
    private var cursor: ByteCursor
    private var stack: [PickleValue] = []
    /// The heights of the stack at which marks lie.
    private var marks: [Int] = []
    private var memo: [Int: PickleValue] = [:]
    private var document: PickleDocument
    private var globalPositions: [PickleGlobal: Int] = [:]

    private init(_ region: ByteRegion, at position: Int, foreign: ForeignGlobals) {
        self.foreign = foreign
        cursor = ByteCursor(region, at: position)
        document = PickleDocument(
            root: .none, objects: [], globals: [], foreignGlobals: [], region: region, end: position)
    }

    /// Reads the pickle that begins at `position` of `region`. Throws `.data` if it is cut short, malformed or too
    /// large, or if it names a global that is not allowed.
    package static func run(
        _ region: ByteRegion, at position: Int = 0, foreign: ForeignGlobals = .refused
    ) throws -> PickleDocument {
        var machine = PickleMachine(region, at: position, foreign: foreign)
        return try machine.run()
    }

    private mutating func run() throws -> PickleDocument {
        for _ in 0..<Self.maximumOperations {
            let position = cursor.position
            let byte = try cursor.byte()
            guard let opcode = PickleOpcode(rawValue: byte) else {
                throw Failure(.data, "unknown pickle operation 0x\(String(byte, radix: 16)) at byte \(position)")
            }
            if opcode == .stop {
                document.root = try pop()
                document.end = cursor.position
                return document
            }
            try execute(opcode)
        }
        throw Failure(.data, "the pickle has more than \(Self.maximumOperations) operations")
    }

    private mutating func execute(_ opcode: PickleOpcode) throws {
        switch opcode {
        case .proto:
            let version = try cursor.byte()
            guard version <= 5 else { throw Failure(.data, "unknown pickle protocol \(version)") }
        case .frame: try cursor.skip(8)
        case .mark: marks.append(stack.count)
        case .pop: if marks.last == stack.count { marks.removeLast() } else { _ = try pop() }
        case .popMark: _ = try popToMark()
        case .duplicate: stack.append(try top())
        case .get, .longGet, .getText, .put, .longPut, .putText, .memoize: try remember(opcode)
        case .append, .appends, .addItems, .setItem, .setItems, .build: try extend(opcode)
        case .tuple, .tuple1, .tuple2, .tuple3, .emptyTuple, .list, .emptyList, .dictionary, .emptyDictionary,
            .emptySet, .frozenSet:
            try pushContainer(opcode)
        case .global, .stackGlobal, .persistent, .reduce, .newObject, .newObjectExtended, .instance, .object:
            try pushCall(opcode)
        default: stack.append(try constant(opcode))
        }
    }
}

// MARK: - Stack

extension PickleMachine {
    private var floor: Int { marks.last ?? 0 }

    private func top() throws -> PickleValue {
        guard stack.count > floor, let value = stack.last else { throw Failure(.data, "the pickle's stack runs empty") }
        return value
    }

    private mutating func pop() throws -> PickleValue {
        let value = try top()
        stack.removeLast()
        return value
    }

    private mutating func pop(_ count: Int) throws -> [PickleValue] {
        guard stack.count - floor >= count else { throw Failure(.data, "the pickle's stack runs empty") }
        defer { stack.removeLast(count) }
        return Array(stack.suffix(count))
    }

    private mutating func popToMark() throws -> [PickleValue] {
        guard let mark = marks.popLast() else { throw Failure(.data, "the pickle has no mark where one is due") }
        defer { stack.removeLast(stack.count - mark) }
        return Array(stack[mark...])
    }

    private mutating func push(_ object: PickleObject) throws {
        guard document.objects.count < Self.maximumObjects else {
            throw Failure(.data, "the pickle has more than \(Self.maximumObjects) objects")
        }
        document.objects.append(object)
        stack.append(.object(document.objects.count - 1))
    }
}

// MARK: - Memo

extension PickleMachine {
    private mutating func remember(_ opcode: PickleOpcode) throws {
        switch opcode {
        case .get: try recall(Int(cursor.byte()))
        case .longGet: try recall(Int(cursor.integer(UInt32.self)))
        case .getText: try recall(cursor.lineInteger())
        case .put: memo[Int(try cursor.byte())] = try top()
        case .longPut: memo[Int(try cursor.integer(UInt32.self))] = try top()
        case .putText: memo[try cursor.lineInteger()] = try top()
        default: memo[memo.count] = try top()
        }
    }

    private mutating func recall(_ key: Int) throws {
        guard let value = memo[key] else { throw Failure(.data, "the pickle recalls what it never stored (\(key))") }
        stack.append(value)
    }
}

// MARK: - Containers

extension PickleMachine {
    private mutating func pushContainer(_ opcode: PickleOpcode) throws {
        switch opcode {
        case .emptyTuple: try push(PickleObject(kind: .tuple))
        case .emptyList: try push(PickleObject(kind: .list))
        case .emptyDictionary: try push(PickleObject(kind: .dictionary))
        case .emptySet: try push(PickleObject(kind: .set))
        case .tuple: try push(PickleObject(kind: .tuple, elements: popToMark()))
        case .tuple1: try push(PickleObject(kind: .tuple, elements: pop(1)))
        case .tuple2: try push(PickleObject(kind: .tuple, elements: pop(2)))
        case .tuple3: try push(PickleObject(kind: .tuple, elements: pop(3)))
        case .list: try push(PickleObject(kind: .list, elements: popToMark()))
        case .frozenSet: try push(PickleObject(kind: .set, elements: popToMark()))
        default: try push(PickleObject(kind: .dictionary, entries: Self.entries(popToMark())))
        }
    }

    /// Carries out APPEND and its relatives: the values that were pushed go into the object below them.
    private mutating func extend(_ opcode: PickleOpcode) throws {
        let values =
            switch opcode {
            case .append, .build: try pop(1)
            case .setItem: try pop(2)
            default: try popToMark()
            }
        guard case .object(let index) = try top() else {
            throw Failure(.data, "the pickle fills something that is no container")
        }
        let kind = document.objects[index].kind
        switch opcode {
        case .append, .appends, .addItems:
            guard kind == .list || kind == .set || kind == .call else { throw Self.misfit("appends to", kind) }
            document.objects[index].elements += values
        case .setItem, .setItems:
            guard kind == .dictionary || kind == .call else { throw Self.misfit("sets items of", kind) }
            document.objects[index].entries += try Self.entries(values)
        default:
            guard kind == .call else { throw Self.misfit("gives state to", kind) }
            document.objects[index].state = values[0]
        }
    }

    private static func misfit(_ action: String, _ kind: PickleObject.Kind) -> Failure {
        Failure(.data, "the pickle \(action) a \(kind)")
    }

    private static func entries(_ values: [PickleValue]) throws -> [PickleObject.Entry] {
        guard values.count.isMultiple(of: 2) else { throw Failure(.data, "the pickle has a key without a value") }
        return stride(from: 0, to: values.count, by: 2).map { .init(key: values[$0], value: values[$0 + 1]) }
    }
}

// MARK: - Names and calls

extension PickleMachine {
    private mutating func pushCall(_ opcode: PickleOpcode) throws {
        switch opcode {
        case .global: stack.append(try global(cursor.line(), cursor.line()))
        case .stackGlobal:
            let names = try pop(2)
            guard case .string(let module) = names[0], case .string(let name) = names[1] else {
                throw Failure(.data, "the pickle has a global whose name is not text")
            }
            stack.append(try global(module, name))
        case .persistent: try push(PickleObject(kind: .persistent, arguments: pop()))
        case .reduce, .newObject:
            let parts = try pop(2)
            try push(PickleObject(kind: .call, callable: parts[0], arguments: parts[1]))
        case .newObjectExtended:
            // The parts are class, positional arguments and keyword arguments. Nothing in these files needs the last.
            let parts = try pop(3)
            try push(PickleObject(kind: .call, callable: parts[0], arguments: parts[1]))
        case .instance:
            let callable = try global(cursor.line(), cursor.line())
            try pushCall(callable, on: popToMark())
        default:
            let parts = try popToMark()
            guard let callable = parts.first else { throw Failure(.data, "the pickle makes an object of no class") }
            try pushCall(callable, on: Array(parts.dropFirst()))
        }
    }

    private mutating func pushCall(_ callable: PickleValue, on arguments: [PickleValue]) throws {
        try push(PickleObject(kind: .tuple, elements: arguments))
        try push(PickleObject(kind: .call, callable: callable, arguments: pop()))
    }

    private mutating func global(_ module: String, _ name: String) throws -> PickleValue {
        let global = PickleGlobal(module, name)
        if let known = globalPositions[global] { return .global(known) }
        switch global.standing {
        case .allowed: break
        case .foreign where foreign == .kept: document.foreignGlobals.append(global)
        default: throw Failure(.data, "the pickle asks for global `\(global)`, which is not allowed")
        }
        document.globals.append(global)
        globalPositions[global] = document.globals.count - 1
        return .global(document.globals.count - 1)
    }
}

// MARK: - Constants

extension PickleMachine {
    private mutating func constant(_ opcode: PickleOpcode) throws -> PickleValue {
        switch opcode {
        case .none: .none
        case .newTrue: .boolean(true)
        case .newFalse: .boolean(false)
        case .uint8: .integer(Int(try cursor.byte()))
        case .uint16: .integer(Int(try cursor.integer(UInt16.self)))
        case .int32: .integer(Int(Int32(bitPattern: try cursor.integer(UInt32.self))))
        case .float: .number(Double(bitPattern: try cursor.integer(UInt64.self).byteSwapped))
        case .long1: try cursor.long(count: Int(cursor.byte()))
        case .long4: try cursor.long(count: cursor.count32())
        case .unicode: .string(try cursor.text(count: cursor.count32()))
        case .shortUnicode: .string(try cursor.text(count: Int(cursor.byte())))
        case .unicode8: .string(try cursor.text(count: cursor.count64()))
        case .string: try cursor.legacyText(count: cursor.count32())
        case .shortString: try cursor.legacyText(count: Int(cursor.byte()))
        case .bytes: .bytes(try cursor.take(cursor.count32()))
        case .shortBytes: .bytes(try cursor.take(Int(cursor.byte())))
        case .bytes8, .byteArray8: .bytes(try cursor.take(cursor.count64()))
        default: try cursor.textConstant(opcode)
        }
    }
}
