/// Where everything lies in one block of memory, for one graph and one batch: planned once, so that a run allocates
/// nothing.
///
/// Time runs over the operations forwards (0..<n) and, when a pullback is planned, backwards (operation i at
/// 2n - 1 - i). Each buffer has the interval of times in which it is alive; buffers are placed in order of falling
/// size, each at the lowest offset that is free over its whole interval. The first floats of the block are zeros, which
/// rows that lie in a convolution's padding point at.
package struct Plan: Sendable {
    package let extent: Extent
    /// Floats of the whole block.
    package private(set) var count = 0
    /// Floats at the start of the block that must be zero.
    private(set) var zeroCount = 0
    /// Offsets in floats, by value or operation; -1 where there is no buffer.
    private(set) var activations: [Int]
    private(set) var cotangents: [Int]
    private(set) var saved: [Int]
    private(set) var scratch: [Int]
    private(set) var pullbackScratch: [Int]
    /// For each operation and each of its inputs: what its pullback does with that input's cotangent.
    private(set) var deliveries: [[Delivery]]

    enum Delivery: Sendable {
        /// Nobody asks for this cotangent.
        case none
        /// The first contribution.
        case assign
        case add
    }

    private struct Buffer {
        var size: Int
        var first: Int
        var last: Int
        var place: WritableKeyPath<Plan, [Int]>
        var index: Int
    }

    /// - Parameters:
    ///   - differentiable: inputs whose cotangents are wanted.
    package init(_ graph: Graph, inputs: [Value], outputs: [Value], differentiable: [Value], extent: Extent) {
        let operations = graph.operations
        self.extent = extent
        let none = [Int](repeating: -1, count: graph.values.count)
        let noOperation = [Int](repeating: -1, count: operations.count)
        (activations, cotangents) = (none, none)
        (saved, scratch, pullbackScratch) = (noOperation, noOperation, noOperation)
        deliveries = operations.map { $0.inputs.map { _ in .none } }
        var buffers = Self.activationBuffers(graph, inputs: inputs, outputs: outputs, extent: extent)
        if extent.withPullback {
            planDeliveries(graph, outputs: outputs, differentiable: differentiable)
            buffers += cotangentBuffers(graph, inputs: inputs, outputs: outputs)
        }
        buffers += Self.operationBuffers(graph, extent: extent)
        zeroCount = (graph.values.map(\.shape.stride).max() ?? 0) + lanes
        count = zeroCount
        place(buffers)
        count += 2 * lanes
    }

    private static func activationBuffers(
        _ graph: Graph, inputs: [Value], outputs: [Value], extent: Extent
    ) -> [Buffer] {
        let count = graph.operations.count
        var first = [Int](repeating: -1, count: graph.values.count)
        var last = [Int](repeating: -1, count: graph.values.count)
        for (index, operation) in graph.operations.enumerated() {
            first[operation.output.id] = index
            last[operation.output.id] = max(last[operation.output.id], index)
            for input in operation.inputs { last[input.id] = max(last[input.id], index) }
            guard extent.withPullback else { continue }
            let backwards = 2 * count - 1 - index
            if operation.pullbackReadsOutput { last[operation.output.id] = backwards }
            if operation.pullbackReadsInputs {
                for input in operation.inputs { last[input.id] = max(last[input.id], backwards) }
            }
        }
        for output in outputs { last[output.id] = max(last[output.id], count) }
        for input in inputs { last[input.id] = max(last[input.id], 0) }
        return graph.values.filter { last[$0.id] >= 0 }.map {
            Buffer(
                size: extent.batch * $0.shape.count, first: first[$0.id], last: last[$0.id], place: \.activations,
                index: $0.id)
        }
    }

    /// Which cotangents are wanted, and who writes each of them first.
    private mutating func planDeliveries(_ graph: Graph, outputs: [Value], differentiable: [Value]) {
        var wanted = Set(differentiable.map(\.id))
        for operation in graph.operations where operation.inputs.contains(where: { wanted.contains($0.id) }) {
            wanted.insert(operation.output.id)
        }
        var written = Set(outputs.map(\.id))
        for (index, operation) in graph.operations.enumerated().reversed() {
            guard written.contains(operation.output.id) else { continue }
            for (position, input) in operation.inputs.enumerated() where wanted.contains(input.id) {
                deliveries[index][position] = written.insert(input.id).inserted ? .assign : .add
            }
        }
    }

    private func cotangentBuffers(_ graph: Graph, inputs: [Value], outputs: [Value]) -> [Buffer] {
        let count = graph.operations.count
        var first = [Int](repeating: Int.max, count: graph.values.count)
        var last = [Int](repeating: -1, count: graph.values.count)
        for output in outputs {
            first[output.id] = count
            last[output.id] = count
        }
        for (index, operation) in graph.operations.enumerated().reversed() {
            let backwards = 2 * count - 1 - index
            for (position, input) in operation.inputs.enumerated() where deliveries[index][position] != .none {
                first[input.id] = min(first[input.id], backwards)
                last[input.id] = max(last[input.id], backwards)
            }
            last[operation.output.id] = max(last[operation.output.id], backwards)
        }
        for input in inputs { last[input.id] = 2 * count }
        return graph.values.filter { first[$0.id] < Int.max }.map {
            Buffer(
                size: extent.batch * $0.shape.count, first: first[$0.id], last: last[$0.id], place: \.cotangents,
                index: $0.id)
        }
    }

    private static func operationBuffers(_ graph: Graph, extent: Extent) -> [Buffer] {
        let count = graph.operations.count
        var buffers: [Buffer] = []
        for (index, operation) in graph.operations.enumerated() {
            let backwards = 2 * count - 1 - index
            if operation.savedCount > 0 {
                buffers.append(
                    Buffer(
                        size: extent.batch * operation.savedCount, first: index,
                        last: extent.withPullback ? backwards : index,
                        place: \.saved, index: index))
            }
            let forward = operation.scratchCount(extent, pullback: false)
            buffers.append(Buffer(size: forward, first: index, last: index, place: \.scratch, index: index))
            guard extent.withPullback else { continue }
            let backward = operation.scratchCount(extent, pullback: true)
            buffers.append(
                Buffer(size: backward, first: backwards, last: backwards, place: \.pullbackScratch, index: index))
        }
        return buffers.filter { $0.size > 0 }
    }

    private mutating func place(_ buffers: [Buffer]) {
        let start = count
        var placed: [(buffer: Buffer, offset: Int)] = []
        for buffer in buffers.sorted(by: { ($0.size, $1.first) > ($1.size, $0.first) }) {
            // A cache line between neighbours keeps equal offsets of equal maps out of one cache set.
            let size = roundUp(buffer.size, to: lanes) + lanes
            var offset = start
            for other in placed where other.buffer.first <= buffer.last && buffer.first <= other.buffer.last {
                if offset + size <= other.offset { break }
                offset = max(offset, other.offset + roundUp(other.buffer.size, to: lanes) + lanes)
            }
            self[keyPath: buffer.place][buffer.index] = offset
            let position = placed.firstIndex { $0.offset > offset } ?? placed.count
            placed.insert((buffer, offset), at: position)
            count = max(count, offset + size)
        }
    }
}
