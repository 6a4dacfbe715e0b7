import Diagnostics

/// A piece of a plan's memory.
package enum MemoryBuffer: Sendable, Hashable {
    /// The maps of a value.
    case activations(Value)
    /// The derivatives with respect to the maps of a value.
    case cotangent(Value)
    /// Numbers that the operation at this place of the graph keeps for its pullback.
    case saved(operation: Int)
    case scratch(operation: Int)
    case pullbackScratch(operation: Int)
}

/// The times at which operations write, read and overwrite the buffers of a graph's memory.
///
/// Operation i of n runs forwards at time i, and its pullback runs at time 2n - 1 - i. Inputs are there before time 0;
/// outputs leave, and their cotangents arrive, at time n; the wanted cotangents leave at time 2n.
package struct MemorySchedule: Sendable {
    /// The way in which an operation's pullback delivers the cotangent of one input.
    enum Delivery: Sendable {
        /// It delivers nothing, because nobody asks for this cotangent.
        case none
        /// It writes the first contribution.
        case assign
        /// It adds to earlier contributions.
        case add
    }

    private struct Access {
        enum Kind { case write, read, overwrite }
        let time: Int
        let kind: Kind
        /// The operation's place in the graph; nil for the network's own inputs and outputs.
        let operation: Int?
    }

    let withPullback: Bool
    /// For each operation, the ways in which its pullback delivers the cotangents of its inputs.
    let deliveries: [[Delivery]]
    private let operationCount: Int
    private var accesses: [MemoryBuffer: [Access]] = [:]

    /// - Parameters:
    ///   - differentiable: values whose cotangents are wanted.
    /// - Throws: a `Failure` with status `.internal` if an operation overwrites a buffer that is read afterwards, or if
    ///   a buffer is read that nobody has written.
    package init(
        _ graph: Graph, inputs: [Value], outputs: [Value], differentiable: [Value], withPullback: Bool
    ) throws {
        self.withPullback = withPullback
        operationCount = graph.operations.count
        deliveries =
            withPullback
            ? Self.deliveries(graph, outputs: outputs, differentiable: differentiable)
            : graph.operations.map { $0.inputs.map { _ in .none } }
        for input in inputs { add(.write, .activations(input), time: -1) }
        for (index, operation) in graph.operations.enumerated() { addForward(operation, index) }
        for output in outputs { add(.read, .activations(output), time: operationCount) }
        if withPullback {
            for output in outputs { add(.write, .cotangent(output), time: operationCount) }
            for (index, operation) in graph.operations.enumerated().reversed() { addPullback(operation, index) }
            for value in differentiable { add(.read, .cotangent(value), time: 2 * operationCount) }
        }
        try check(graph)
    }

    /// The first and the last time at which a buffer must keep what it holds; nil if nobody uses it.
    func lifetime(of buffer: MemoryBuffer) -> ClosedRange<Int>? {
        guard let times = accesses[buffer]?.map(\.time), let first = times.min(), let last = times.max() else {
            return nil
        }
        // A pullback may run again, and then needs everything that the forward run left for it.
        let isPulled = withPullback && buffer.isWrittenForwards && last >= operationCount
        return first...(isPulled ? 2 * operationCount : last)
    }

    // MARK: - Accesses

    private mutating func add(_ kind: Access.Kind, _ buffer: MemoryBuffer, time: Int, by operation: Int? = nil) {
        accesses[buffer, default: []].append(Access(time: time, kind: kind, operation: operation))
    }

    private mutating func addForward(_ operation: any Operation, _ index: Int) {
        for input in operation.inputs { add(.read, .activations(input), time: index, by: index) }
        add(.write, .scratch(operation: index), time: index, by: index)
        add(.write, .saved(operation: index), time: index, by: index)
        add(.write, .activations(operation.output), time: index, by: index)
        for buffer in operation.overwrites(pullback: false) { add(.overwrite, buffer, time: index, by: index) }
    }

    private mutating func addPullback(_ operation: any Operation, _ index: Int) {
        guard runsPullback(of: index) else { return }
        let time = 2 * operationCount - 1 - index
        if operation.pullbackReadsInputs {
            for input in operation.inputs { add(.read, .activations(input), time: time, by: index) }
        }
        if operation.pullbackReadsOutput { add(.read, .activations(operation.output), time: time, by: index) }
        add(.read, .saved(operation: index), time: time, by: index)
        add(.write, .pullbackScratch(operation: index), time: time, by: index)
        add(.read, .cotangent(operation.output), time: time, by: index)
        for (input, delivery) in zip(operation.inputs, deliveries[index]) where delivery != .none {
            add(delivery == .assign ? .write : .read, .cotangent(input), time: time, by: index)
        }
        for buffer in operation.overwrites(pullback: true) { add(.overwrite, buffer, time: time, by: index) }
    }

    /// Whether somebody asks for a cotangent that the pullback of operation `index` delivers; it does not run
    /// otherwise.
    func runsPullback(of index: Int) -> Bool { deliveries[index].contains { $0 != .none } }

    /// Returns the deliveries of all pullbacks: none for cotangents that nobody asks for, and for each of the others
    /// the first contribution and those that are added to it.
    private static func deliveries(_ graph: Graph, outputs: [Value], differentiable: [Value]) -> [[Delivery]] {
        var wanted = Set(differentiable.map(\.id))
        for operation in graph.operations where operation.inputs.contains(where: { wanted.contains($0.id) }) {
            wanted.insert(operation.output.id)
        }
        var deliveries: [[Delivery]] = graph.operations.map { $0.inputs.map { _ in .none } }
        var written = Set(outputs.map(\.id))
        for (index, operation) in graph.operations.enumerated().reversed() {
            guard written.contains(operation.output.id) else { continue }
            for (position, input) in operation.inputs.enumerated() where wanted.contains(input.id) {
                deliveries[index][position] = written.insert(input.id).inserted ? .assign : .add
            }
        }
        return deliveries
    }

    // MARK: - Check

    private func check(_ graph: Graph) throws {
        for (buffer, accesses) in accesses {
            for access in accesses where access.kind == .read {
                guard accesses.contains(where: { $0.kind == .write && $0.time <= access.time }) else {
                    throw Failure(.internal, "\(name(access, graph)) reads \(name(buffer)), which nobody has written")
                }
            }
            for overwrite in accesses where overwrite.kind == .overwrite {
                guard let reader = accesses.first(where: { isHarmed($0, by: overwrite, accesses, buffer) }) else {
                    continue
                }
                throw Failure(
                    .internal,
                    "\(name(overwrite, graph)) overwrites \(name(buffer)), which \(name(reader, graph)) still needs")
            }
        }
    }

    /// Whether `reader` finds what `overwrite` left in the buffer.
    private func isHarmed(
        _ reader: Access, by overwrite: Access, _ accesses: [Access], _ buffer: MemoryBuffer
    ) -> Bool {
        guard reader.kind == .read else { return false }
        // A pullback may run again. The second one finds the forward run's results as the first has left them.
        if overwrite.time >= operationCount, reader.time >= operationCount, buffer.isWrittenForwards { return true }
        let isRenewed = accesses.contains {
            $0.kind == .write && overwrite.time < $0.time && $0.time <= reader.time
        }
        return overwrite.time < reader.time && !isRenewed
    }

    private func name(_ access: Access, _ graph: Graph) -> String {
        guard let index = access.operation else { return "the network's end" }
        let way = access.time < operationCount ? "operation" : "the pullback of operation"
        return "\(way) \(index) (\(graph.operations[index].kind.rawValue))"
    }

    private func name(_ buffer: MemoryBuffer) -> String {
        switch buffer {
        case .activations(let value): "the activations of value \(value.id)"
        case .cotangent(let value): "the cotangent of value \(value.id)"
        case .saved(let operation): "what operation \(operation) saved"
        case .scratch(let operation), .pullbackScratch(let operation): "the scratch memory of operation \(operation)"
        }
    }
}

extension MemoryBuffer {
    /// Whether a forward run writes the buffer and pullbacks only read it.
    fileprivate var isWrittenForwards: Bool {
        switch self {
        case .activations, .saved: true
        case .cotangent, .scratch, .pullbackScratch: false
        }
    }
}
