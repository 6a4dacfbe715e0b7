import Checkpoints
import Diagnostics
import Formats
import TestSupport
import Testing

/// Checkpoints that keep averages of weights beside plain ones. Every tensor holds its own number.
@Suite struct AverageTests {
    /// A value of a checkpoint.
    private indirect enum Node {
        case tensor(Int, [Int])
        case list([Node])
        case dictionary([(String, Node)])
        case number(Int)
        /// A tensor of a type that is not read.
        case small(Int)

        func write(_ builder: inout PickleBuilder) {
            switch self {
            case .tensor(let key, let shape):
                let strides = shape.indices.map { shape[($0 + 1)...].reduce(1, *) }
                builder.tensor(key: "\(key)", count: shape.reduce(1, *), shape: shape, strides: strides)
            case .list(let nodes):
                builder.op("](")
                for node in nodes { node.write(&builder) }
                builder.op("e")
            case .dictionary(let entries):
                builder.dictionary(entries.map(\.0)) { builder, key in
                    entries.first { $0.0 == key }?.1.write(&builder)
                }
            case .number(let value): builder.integer(value)
            case .small(let key):
                builder.tensor("Float8_e4m3fnStorage", key: "\(key)", count: 1, shape: [1], strides: [1])
            }
        }
    }

    private func open(_ root: Node) throws -> CheckpointFile {
        let storages = (0..<8).map { ("\($0)", TorchFiles.floats([Float](repeating: Float($0), count: 6))) }
        let pickle = PickleBuilder.pickle { root.write(&$0) }
        return try TorchFiles.open(TorchFiles.archive(pickle, storages: Dictionary(uniqueKeysWithValues: storages)))
    }

    /// Returns the number that each tensor holds.
    private func numbers(_ file: CheckpointFile) throws -> [String: Float] {
        Dictionary(uniqueKeysWithValues: try file.tensorNames.map { ($0, try file.floats($0)[0]) })
    }

    private static let plain = Node.dictionary([("a", .tensor(0, [2])), ("b", .tensor(1, [3]))])
    private static let averaged = Node.dictionary([("a", .tensor(2, [2])), ("b", .tensor(3, [3]))])

    @Test(arguments: [
        ["ema"], ["model_ema"], ["ema_model"], ["state_dict_ema"], ["ema", "module"], ["ema", "shadow"],
        ["ema", "state_dict"], ["averaged_model"], ["state", "ema_params"],
    ])
    func dictionariesOfAveragesAreTaken(path: [String]) throws {
        let inner = path.dropFirst().reversed().reduce(Self.averaged) { .dictionary([($1, $0)]) }
        let file = try open(.dictionary([("model", Self.plain), ("step", .number(7)), (path[0], inner)]))
        #expect(try numbers(file) == ["a": 2, "b": 3])
        #expect(file.key == path.joined(separator: ".") && file.remarks.isEmpty)
    }

    /// The list is in the order of the parameters; a buffer stands between them and has no average.
    @Test func listsOfAveragesReplaceParameters() throws {
        let model = Node.dictionary([("a", .tensor(0, [2])), ("buffer", .tensor(4, [1, 2])), ("b", .tensor(1, [3]))])
        let ema = Node.dictionary([
            ("decay", .number(1)), ("num_updates", .number(5)),
            ("shadow_params", .list([.tensor(2, [2]), .tensor(3, [3])])),
            ("collected_params", .list([.tensor(5, [2])])),
        ])
        let file = try open(.dictionary([("model", model), ("ema", ema)]))
        #expect(try numbers(file) == ["a": 2, "buffer": 4, "b": 3])
        #expect(file.key == "ema.shadow_params" && file.remarks.isEmpty)
    }

    /// Two averages for three tensors of one shape: which one is the buffer is not known.
    @Test(arguments: [[2, 2], [3], [2, 2, 2, 2]]) func listsThatDoNotFitAreTold(counts: [Int]) throws {
        let model = Node.dictionary([("a", .tensor(0, [2])), ("b", .tensor(1, [2])), ("c", .tensor(4, [2]))])
        let list = Node.list(counts.map { .tensor(2, [$0]) })
        let file = try open(.dictionary([("model", model), ("ema", .dictionary([("shadow_params", list)]))]))
        #expect(try numbers(file) == ["a": 0, "b": 1, "c": 4])
        #expect(
            file.remarks == [
                "holds averaged weights under `ema.shadow_params`, which do not fit those under `model`; the latter are used"
            ])
    }

    @Test func severalAveragesAreTold() throws {
        let file = try open(
            .dictionary([("model", Self.plain), ("ema_fast", Self.averaged), ("ema_slow", Self.averaged)]))
        #expect(file.key == "ema_fast")
        #expect(file.remarks == ["holds averaged weights under `ema_fast`, which are used, and under `ema_slow`"])
    }

    /// The state of an optimizer holds averages of gradients, not of weights.
    @Test func optimizersHoldNoWeights() throws {
        let state = Node.dictionary([("exp_avg", .dictionary([("a", .tensor(5, [2]))]))])
        let file = try open(.dictionary([("optimizer", state), ("model", Self.plain), ("steps", .tensor(6, []))]))
        #expect(try numbers(file) == ["a": 0, "b": 1] && file.key == "model")
    }

    @Test func tensorsOfUnreadTypesAreLeftAlone() throws {
        let file = try open(.dictionary([("a", .tensor(1, [2])), ("q", .small(2))]))
        #expect(file.tensorNames == ["a"])
        #expect(file.unread.map(\.name) == ["q"] && file.unread[0].type == "torch.Float8_e4m3fnStorage")
        #expect(throws: Failure(.data, place: "q", "is of type torch.Float8_e4m3fnStorage, which is not read")) {
            throw file.missing("q")
        }
    }
}
